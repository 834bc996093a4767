"""Input baselines: the degraded image, enlarged by bicubic where it is small, measured and cut like a network's."""

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from sharploss.config.protocols import reference_of
from sharploss.config.tasks import Task, border_of
from sharploss.data.imresize import imresize
from sharploss.data.pack import Pack
from sharploss.evaluation.crops import Crop, find_crops, write_crops
from sharploss.evaluation.edge import write_edge
from sharploss.evaluation.score import notes_of, open_test_packs, score_packs
from sharploss.evaluation.variance import shown_image, write_variances
from sharploss.record.keys import TARGET, crop_file, input_baseline_key
from sharploss.record.paths import StudyPaths
from sharploss.record.scores import save_scores
from sharploss.training.device import set_mode


def evaluate_input_baseline(
    task_name: str, task: Task, crops: Mapping[str, Mapping[str, Any]], files: StudyPaths
) -> None:
    """Write a task's input baseline: scores, crops of it and of the ground truth, gradient variances and one edge.

    Its name is "bicubic", or "input" where the task keeps the size.

    Args:
        task_name: the task's name.
        task: the task.
        crops: the crops of params.yaml.
        files: where the study's packs lie, and where to write.

    Raises:
        UserError: packs are missing or damaged, an image is too small, or a crop does not fit its image.
    """
    start = time.monotonic()
    set_mode("exact")
    name, scale = reference_of(task.scale), task.scale
    packs = open_test_packs(task_name, task, files)
    wanted = find_crops(crops, task_name, packs)
    pictures, shown = _target_crops(wanted, packs), shown_image(wanted, packs)
    outputs: dict[str, Tensor] = {}

    def keep(image: str, run: str, restored: Tensor) -> None:
        if image == shown:
            outputs[run] = restored
        for crop in wanted:
            if crop.image == image:
                pictures[crop_file(crop.name, name)] = crop.of(restored)

    scores = score_packs(
        packs,
        {input_baseline_key(task_name, name): lambda image: enlarge(image, scale)},
        task=task,
        device=torch.device("cpu"),
        title=f"{task_name} {name}",
        on_image=keep,
    )
    write_crops(files.input_baseline(task_name), pictures)
    if shown is not None:
        write_variances(files.input_baseline_variances(task_name), shown, packs, outputs, border_of(task.scale))
    image = next((pair for pack in packs for pair in _pairs(pack)), None)
    if image is not None:
        write_edge(files.edge(task_name), image[0], enlarge(image[1], scale))
    save_scores(files.input_baseline_scores(task_name), scores.rows, notes_of(scores, packs, start))


def enlarge(image: Tensor, scale: int) -> Tensor:
    """Enlarge (3, h, w) uint8 by MATLAB's bicubic; with scale 1 leave it as it is."""
    return imresize(image, scale) if scale > 1 else image


def _target_crops(wanted: Sequence[Crop], packs: Sequence[Pack]) -> dict[str, Tensor]:
    targets = {name: pack.target(index) for pack in packs for index, name in enumerate(pack.names)}
    return {crop_file(crop.name, TARGET): crop.of(targets[crop.image]) for crop in wanted}


def _pairs(pack: Pack) -> Iterator[tuple[Tensor, Tensor]]:
    for index in range(len(pack)):
        yield pack.target(index), pack.input(index)
