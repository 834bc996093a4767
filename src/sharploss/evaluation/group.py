"""Restore a task's test images, with all runs of one network or by its input baseline, measure them, cut out crops."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from sharploss.config.protocols import reference_of
from sharploss.config.run_config import RunConfig
from sharploss.config.tasks import Task, border_of
from sharploss.data.imresize import imresize
from sharploss.data.pack import Pack
from sharploss.evaluation.crops import Crops, cut_out, find_crops, write_crops
from sharploss.evaluation.edge import write_edge
from sharploss.evaluation.measured import WHOLE_IMAGE, Measured, identity_of, load_measured, save_measured
from sharploss.evaluation.restore import load_network, restore
from sharploss.evaluation.score import Restorer, defined, open_test_packs, score_packs
from sharploss.evaluation.variance import shown_image, write_variances
from sharploss.record.keys import TARGET, crop_file, input_baseline_key, variant_of
from sharploss.record.paths import StudyPaths
from sharploss.record.scores import Notes, Scores, save_scores
from sharploss.training.device import choose_device, describe_hardware, set_mode
from sharploss.utils.files import check_writable, sha256

Runs = Mapping[str, RunConfig]  # of one task and network, by key

Settings = Mapping[str, Any] | None
"""What numbers depend on beside weights and images: with it, what was measured of a run is kept."""


class Tested(NamedTuple):
    """What the runs of a task restore, what is cut out of it, and where that is done."""

    task: Task
    packs: list[Pack]
    crops: Crops
    device: torch.device


def evaluate_group(
    group: str, task_name: str, runs: Runs, crops: Crops, files: StudyPaths, *, settings: Settings = None
) -> None:
    """Write a group's scores, crops and gradient variances; what was measured before is taken as it was kept.

    Runs without a trained network (diverged, or not trained for want of weights) are left out. Of the runs that differ
    in nothing but the seed, the first gives the crops and the gradient variances (of the first crop's image, or else
    the first image). Errors are those of `measure_runs`, before anything is written.
    """
    found, tested = measure_runs(group, task_name, runs, crops, files, settings=settings)
    # Without runs, what is to be said of sets and metrics is said all the same.
    notes = next((one.scores.notes for one in found.values()), None) or _measure(tested, {}, group)[1]
    scores = _write(found, notes, tested, {key: variant_of(key, group) for key in found}, files.variances(group))
    digests = {key: one.scores.notes.weights_sha256[key] for key, one in found.items()}
    made_by = {"weights_sha256": digests, "device": describe_hardware(tested.device)}
    save_scores(files.scores(group), scores.rows, scores.notes.model_copy(update=made_by))


def measure_runs(
    group: str, task_name: str, runs: Runs, crops: Crops, files: StudyPaths, *, settings: Settings = None
) -> tuple[dict[str, Measured], Tested]:
    """Measure runs of a group, but those that were measured before; return all that have a trained network.

    UserError where weights or packs are missing, damaged or of another configuration, or a crop does not fit its image;
    OSError where results cannot be written.
    """
    set_mode("exact")
    device = choose_device()
    weights = {key: files.weights(group, key) for key in runs}
    networks = {key: load_network(path, runs[key], device) for key, path in weights.items()}
    tested = _open(task_name, next(iter(runs.values())).task, crops, files, device)
    check_writable(*files.scores(group), files.variances(group))
    found: dict[str, Measured] = {}
    restorers: dict[str, Restorer] = {}
    trained = {key: network for key, network in networks.items() if network is not None}
    identities = {key: identity_of(weights[key], tested.packs, settings, device) for key in trained}
    for key, network in trained.items():
        kept = load_measured(files.measured(group, key), identities[key]) if settings else None
        if kept is None:
            restorers[key] = partial(restore, network)
        else:
            found[key] = kept
    for key, one in _measure(tested, restorers, group)[0].items() if restorers else ():
        notes = one.scores.notes.model_copy(update={"weights_sha256": {key: sha256(weights[key])}})
        found[key] = one._replace(scores=Scores(one.scores.rows, notes))
        if settings:
            save_measured(files.measured(group, key), identities[key], found[key])
    return {key: found[key] for key in trained}, tested


def evaluate_input_baseline(task_name: str, task: Task, crops: Crops, files: StudyPaths) -> None:
    """Write a task's input baseline, the degraded image, enlarged by bicubic where it is small, as if a network did it.

    There are scores, crops of it and of the ground truth, gradient variances and one edge. Its name is "bicubic", or
    "input" where the task keeps the size.
    """
    set_mode("exact")
    name = reference_of(task.scale)
    key, variances = input_baseline_key(task_name, name), files.input_baseline_variances(task_name)
    tested = _open(task_name, task, crops, files, torch.device("cpu"))
    check_writable(*files.input_baseline_scores(task_name), variances, files.edge(task_name))
    found, notes = _measure(tested, {key: partial(enlarge, scale=task.scale)}, task_name)
    scores = _write(found, notes, tested, {key: name}, variances)
    targets = {image: pack.target(index) for pack in tested.packs for index, image in enumerate(pack.names)}
    pictures = {crop_file(name, TARGET): cut_out(crop, targets[crop.item]) for name, crop in tested.crops.items()}
    write_crops(variances.parent, pictures)
    pair = next(((pack.target(0), pack.input(0)) for pack in tested.packs if len(pack)), None)
    if pair is not None:
        write_edge(files.edge(task_name), pair[0], enlarge(pair[1], task.scale))
    save_scores(files.input_baseline_scores(task_name), *scores)


def enlarge(image: Tensor, scale: int) -> Tensor:
    """Enlarge (3, h, w) uint8 by MATLAB's bicubic; with scale 1 leave it as it is."""
    return imresize(image, scale) if scale > 1 else image


def _open(task_name: str, task: Task, crops: Crops, files: StudyPaths, device: torch.device) -> Tested:
    packs = open_test_packs(task_name, task, files)
    return Tested(task, packs, find_crops(crops, task_name, packs), device)


def _measure(tested: Tested, restorers: Mapping[str, Restorer], title: str) -> tuple[dict[str, Measured], Notes]:
    task, packs, crops, device = tested
    shown, pictures = shown_image(crops, packs), {key: dict[str, Tensor]() for key in restorers}

    def keep(image: str, key: str, restored: Tensor) -> None:
        pictures[key].update({name: cut_out(crop, restored) for name, crop in crops.items() if crop.item == image})
        if image == shown:
            pictures[key][WHOLE_IMAGE] = restored

    rows, notes = score_packs(packs, restorers, task=task, device=device, title=title, on_image=keep)
    share = notes.model_copy(update={"seconds": notes.seconds / max(1, len(restorers))})
    scores = {key: Scores([row for row in rows if row.run == key], share) for key in restorers}
    return {key: Measured(scores[key], pictures[key]) for key in restorers}, notes


def _write(
    found: Mapping[str, Measured], notes: Notes, tested: Tested, variants: Mapping[str, str], variances: Path
) -> Scores:
    """Write the gradient variances and, beside them, the crops; return the scores of all runs.

    Of runs that are one variant the first is shown.
    """
    shown, firsts = shown_image(tested.crops, tested.packs), dict[str, str]()
    for key, variant in variants.items():
        firsts.setdefault(variant, key)
    pictures = {
        crop_file(name, variant): found[key].pictures[name] for variant, key in firsts.items() for name in tested.crops
    }
    write_crops(variances.parent, pictures)
    if shown is not None:
        outputs = {key: found[key].pictures[WHOLE_IMAGE] for key in firsts.values()}
        write_variances(variances, shown, tested.packs, outputs, border_of(tested.task.scale))
    rows = [row for one in found.values() for row in one.scores.rows]
    places = {place: index for index, place in enumerate(dict.fromkeys((row.dataset, row.image) for row in rows))}
    rows.sort(key=lambda row: places[row.dataset, row.image])  # image by image, as if all were measured together
    seconds = sum(one.scores.notes.seconds for one in found.values()) if found else notes.seconds
    return defined(Scores(rows, notes.model_copy(update={"seconds": round(seconds, 1)})))
