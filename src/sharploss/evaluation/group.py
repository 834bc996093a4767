"""All runs of one task and network: restore the test images, measure them, cut out crops."""

import time
from collections.abc import Mapping
from functools import partial
from typing import Any

from torch import Tensor

from sharploss.config.tasks import border_of
from sharploss.evaluation.crops import find_crops, write_crops
from sharploss.evaluation.restore import load_network, restore
from sharploss.evaluation.score import Restorer, notes_of, open_test_packs, score_packs
from sharploss.evaluation.variance import shown_image, write_variances
from sharploss.record.keys import crop_file, variant_of
from sharploss.record.paths import StudyPaths
from sharploss.record.scores import save_scores
from sharploss.training.device import choose_device, set_mode


def evaluate_group(
    group: str, runs: Mapping[str, Mapping[str, Any]], crops: Mapping[str, Mapping[str, Any]], files: StudyPaths
) -> None:
    """Write a group's scores, crops and gradient variances.

    Runs without a trained network (diverged, or not trained for want of weights) are left out. Of the runs that differ
    in nothing but the seed, the first gives the crops and the gradient variances (of the first crop's image, or else
    the first image).

    Args:
        group: "<task>-<network>".
        runs: {key: its entry of runs.yaml, with its resolved `config`, a RunConfig}, all of one task.
        crops: the crops of params.yaml.
        files: where the study's weights and packs lie, and where to write.

    Raises:
        UserError: weights or packs are missing, damaged or of another configuration, an image is too small, or a crop
            does not fit its image.
    """
    start = time.monotonic()
    set_mode("exact")
    device = choose_device()
    task_name, task = next((run["task"], run["config"].task) for run in runs.values())
    packs = open_test_packs(task_name, task, files)
    wanted = find_crops(crops, task_name, packs)
    restorers: dict[str, Restorer] = {}
    for key, run in runs.items():
        network = load_network(files.weights(group, key), run["config"], device)
        if network is not None:
            restorers[key] = partial(restore, network)
    pictures: dict[str, Tensor] = {}
    shown, outputs = shown_image(wanted, packs), dict[str, Tensor]()

    def keep(image: str, key: str, restored: Tensor) -> None:
        variant = variant_of(key, group)
        if image == shown and not any(variant_of(other, group) == variant for other in outputs):
            outputs[key] = restored
        for crop in wanted:
            if crop.image == image:
                pictures.setdefault(crop_file(crop.name, variant), crop.of(restored))

    scores = score_packs(packs, restorers, task=task, device=device, title=group, on_image=keep)
    write_crops(files.crops(group), pictures)
    if shown is not None:
        write_variances(files.variances(group), shown, packs, outputs, border_of(task.scale))
    save_scores(files.scores(group), scores.rows, notes_of(scores, packs, start))
