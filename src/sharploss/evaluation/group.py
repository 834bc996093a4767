"""All runs of one task and network: restore the test images, measure them, cut out crops."""

import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from sharploss.config.tasks import border_of
from sharploss.evaluation.crops import find_crops, write_crops
from sharploss.evaluation.restore import load_network, restore
from sharploss.evaluation.score import Restorer, notes_of, open_test_packs, score_packs, write_scores
from sharploss.evaluation.variance import shown_image, write_variances
from sharploss.training.device import choose_device, set_mode


def evaluate_group(
    group: str, runs: Mapping[str, Mapping[str, Any]], crops: Mapping[str, Mapping[str, Any]], root: Path = Path()
) -> None:
    """Write results/scores/<group>.csv and .json and, in results/crops/<group>/, <crop>-<variant>.png and variance.csv.

    A variant is what `variant_of` gives: the loss, and the recipe where it is not the study's own. Runs without a
    trained network (diverged, or not trained for want of weights) are left out. Of the runs that differ in nothing but
    the seed, the first gives the crops and the curves of gradient variances (of the first crop's image, or else the
    first image).

    Args:
        group: "<task>-<network>".
        runs: {key: its entry of runs.yaml, with its resolved `config`, a RunConfig}, all of one task.
        crops: the crops of params.yaml.
        root: the study's folder.

    Raises:
        UserError: weights or packs are missing, damaged or of another configuration, an image is too small, or a crop
            does not fit its image.
    """
    start = time.monotonic()
    set_mode("exact")
    device = choose_device()
    task_name, task = next((run["task"], run["config"].task) for run in runs.values())
    packs = open_test_packs(task_name, task, root)
    wanted = find_crops(crops, task_name, packs)
    restorers: dict[str, Restorer] = {}
    for key, run in runs.items():
        network = load_network(root / "results" / "weights" / group / f"{key}.safetensors", run["config"], device)
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
                pictures.setdefault(f"{crop.name}-{variant}.png", crop.of(restored))

    scores = score_packs(packs, restorers, task=task, device=device, title=group, on_image=keep)
    folder = root / "results" / "crops" / group
    write_crops(folder, pictures)
    if shown is not None:
        write_variances(folder / "variance.csv", shown, packs, outputs, border_of(task.scale))
    write_scores(root / "results" / "scores" / group, scores.rows, notes_of(scores, packs, start))


def variant_of(key: str, group: str) -> str:
    """Give what sets a run of a group apart from the others whatever its seed, as "l1" or "esrgan-mini_gan"."""
    return key.removeprefix(f"{group}-").rsplit("-s", 1)[0]
