"""Restore a task's test images, with all runs of one network or by its input baseline, measure them, cut out crops."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from sharploss.config.protocols import reference_of
from sharploss.config.tasks import Task, border_of
from sharploss.data.imresize import imresize
from sharploss.data.pack import Pack
from sharploss.evaluation.crops import Crop, find_crops, write_crops
from sharploss.evaluation.edge import write_edge
from sharploss.evaluation.restore import load_network, restore
from sharploss.evaluation.score import Restorer, open_test_packs, score_packs
from sharploss.evaluation.variance import shown_image, write_variances
from sharploss.record.keys import TARGET, crop_file, input_baseline_key, variant_of
from sharploss.record.paths import StudyPaths
from sharploss.record.scores import Scores, save_scores
from sharploss.training.device import choose_device, describe_hardware, set_mode
from sharploss.utils.files import check_writable, sha256

Crops = Mapping[str, Mapping[str, Any]]
"""The crops of params.yaml."""


def evaluate_group(group: str, runs: Mapping[str, Mapping[str, Any]], crops: Crops, files: StudyPaths) -> None:
    """Write a group's scores, crops and gradient variances.

    Runs without a trained network (diverged, or not trained for want of weights) are left out. Of the runs that differ
    in nothing but the seed, the first gives the crops and the gradient variances (of the first crop's image, or else
    the first image). `runs` has {key: its entry of runs.yaml, with its resolved `config`, a RunConfig}.

    UserError where weights or packs are missing, damaged or of another configuration, or a crop does not fit its image.
    """
    set_mode("exact")
    device = choose_device()
    task_name, task = next((run["task"], run["config"].task) for run in runs.values())
    restorers: dict[str, Restorer] = {}
    digests: dict[str, str] = {}
    for key, run in runs.items():
        path = files.weights(group, key)
        network = load_network(path, run["config"], device)
        if network is not None:
            restorers[key], digests[key] = partial(restore, network), sha256(path)
    packs = open_test_packs(task_name, task, files)
    wanted, variants = find_crops(crops, task_name, packs), {key: variant_of(key, group) for key in restorers}
    check_writable(*files.scores(group), files.variances(group))
    rows, notes = _measure(packs, wanted, restorers, variants, files.variances(group), task=task, device=device)
    made_by = {"weights_sha256": digests, "device": describe_hardware(device)}
    save_scores(files.scores(group), rows, notes.model_copy(update=made_by))


def evaluate_input_baseline(task_name: str, task: Task, crops: Crops, files: StudyPaths) -> None:
    """Write a task's input baseline, the degraded image, enlarged by bicubic where it is small, as if a network did it.

    There are scores, crops of it and of the ground truth, gradient variances and one edge. Its name is "bicubic", or
    "input" where the task keeps the size.
    """
    set_mode("exact")
    name = reference_of(task.scale)
    key = input_baseline_key(task_name, name)
    packs = open_test_packs(task_name, task, files)
    wanted, variances = find_crops(crops, task_name, packs), files.input_baseline_variances(task_name)
    check_writable(*files.input_baseline_scores(task_name), variances, files.edge(task_name))
    restorers, cpu = {key: partial(enlarge, scale=task.scale)}, torch.device("cpu")
    rows, notes = _measure(packs, wanted, restorers, {key: name}, variances, task=task, device=cpu)
    targets = {image: pack.target(index) for pack in packs for index, image in enumerate(pack.names)}
    write_crops(variances.parent, {crop_file(crop.name, TARGET): crop.of(targets[crop.image]) for crop in wanted})
    pair = next(((pack.target(0), pack.input(0)) for pack in packs if len(pack)), None)
    if pair is not None:
        write_edge(files.edge(task_name), pair[0], enlarge(pair[1], task.scale))
    save_scores(files.input_baseline_scores(task_name), rows, notes)


def enlarge(image: Tensor, scale: int) -> Tensor:
    """Enlarge (3, h, w) uint8 by MATLAB's bicubic; with scale 1 leave it as it is."""
    return imresize(image, scale) if scale > 1 else image


def _measure(
    packs: Sequence[Pack],
    wanted: Sequence[Crop],
    restorers: Mapping[str, Restorer],
    variants: Mapping[str, str],
    variances: Path,
    *,
    task: Task,
    device: torch.device,
) -> Scores:
    """Restore and measure test images; write the gradient variances, and the wanted crops beside them.

    Of runs that are one variant the first is shown.
    """
    pictures, outputs, shown = dict[str, Tensor](), dict[str, Tensor](), shown_image(wanted, packs)
    firsts: dict[str, str] = {}
    for key, variant in variants.items():
        firsts.setdefault(variant, key)

    def keep(image: str, key: str, restored: Tensor) -> None:
        if firsts[variants[key]] != key:
            return
        if image == shown:
            outputs[key] = restored
        for crop in wanted:
            if crop.image == image:
                pictures[crop_file(crop.name, variants[key])] = crop.of(restored)

    title = variances.parent.name
    scores = score_packs(packs, restorers, task=task, device=device, title=title, on_image=keep)
    write_crops(variances.parent, pictures)
    if shown is not None:
        write_variances(variances, shown, packs, outputs, border_of(task.scale))
    return scores
