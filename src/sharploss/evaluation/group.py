"""All runs of one task and network: restore the test images, measure them, cut out crops."""

import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor

from sharploss.evaluation.crops import find_crops, write_crops
from sharploss.evaluation.restore import load_network, restore
from sharploss.evaluation.score import Restorer, missing_sets, open_test_packs, score_packs, write_scores
from sharploss.training.device import choose_device, set_mode


def evaluate_group(
    group: str, runs: Mapping[str, Mapping[str, Any]], crops: Mapping[str, Mapping[str, Any]], root: Path = Path()
) -> None:
    """Write results/scores/<group>.csv and .json and results/crops/<group>/<crop>-<loss>.png.

    Diverged runs are left out. Of the runs that differ in nothing but the seed, the first gives the crops.

    Args:
        group: "<task>-<network>".
        runs: {key: its entry of runs.yaml, with its resolved `config`}, all of one task.
        crops: the crops of params.yaml.
        root: the study's folder.

    Raises:
        UserError: weights or packs are missing, damaged or of another configuration, an image is too small, or a crop
            does not fit its image.
    """
    start = time.monotonic()
    set_mode("exact")
    device = choose_device()
    task_name, task = next((run["task"], run["config"]["task"]) for run in runs.values())
    packs = open_test_packs(task_name, task, root)
    wanted = find_crops(crops, task_name, packs)
    restorers: dict[str, Restorer] = {}
    for key, run in runs.items():
        network = load_network(root / "results" / "weights" / group / f"{key}.safetensors", run["config"], device)
        if network is not None:
            restorers[key] = partial(restore, network)
    pictures: dict[str, Tensor] = {}

    def cut(image: str, key: str, restored: Tensor) -> None:
        for crop in wanted:
            if crop.image == image:
                pictures.setdefault(f"{crop.name}-{runs[key]['loss']}.png", crop.of(restored))

    rows, not_measured = score_packs(packs, restorers, task=task, device=device, title=group, on_image=cut)
    notes = {"not_measured": not_measured, "missing_sets": missing_sets(packs)}
    write_crops(root / "results" / "crops" / group, pictures)
    write_scores(root / "results" / "scores" / group, rows, {**notes, "seconds": round(time.monotonic() - start, 1)})
