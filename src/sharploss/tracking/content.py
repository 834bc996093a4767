"""What W&B gets of a finished run: its curves, result, scores, crops, weights, and what those were made from."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from statistics import fmean
from typing import Any

from sharploss.config.params import Params
from sharploss.config.protocols import reference_of
from sharploss.planning.plan import NOTHING, Plan, find_run
from sharploss.record.history import read_whole_history
from sharploss.record.keys import TARGET, input_baseline_key, pack_artifact, variant_of
from sharploss.record.paths import StudyPaths, paths
from sharploss.record.run import Provenance, load_run
from sharploss.record.scores import Score, ScoreFiles, comparable, load_notes, load_scores
from sharploss.tracking import follower as tracking
from sharploss.utils.errors import UserError
from sharploss.utils.files import intact, sha256

TRAINED_ON = {"started", "seconds", "steps_per_second", "device", "hardware", "versions", "commit", "parameters"}
SHOWN = re.compile("(psnr_y|ssim_y|lpips_alex|gradient_variance_ratio)[^/]*$")  # what dashboards compare runs by
ORIGIN = {"identity", "packs", "start", "extractor", "commit"}


class NotTrainedError(UserError):
    """A run lacks the weights of its loss."""


def content_of(params: Params, plan: Plan, key: str, root: Path = Path()) -> dict[str, Any]:
    """Read all that there is of a run: what `wandb_settings` returns, history, summary, scores, crops and artifacts.

    An artifact has a name, type, metadata, and either a `file` or a `receipt`; `inputs` are those that the weights were
    made from, and `weights` is None where they are not here. UserError where the run is not done, or its scores, or
    what it started from, are of other weights.
    """
    run, files = find_run(plan, key), paths(plan["study"], root)
    record = load_run(files.run(key), key)
    if record.metrics.status == "not_trained":
        raise NotTrainedError(f"it was not trained ({record.metrics.reason}), so there is nothing to send.")
    metrics, provenance = record.metrics.model_dump(exclude_none=True), record.provenance
    if provenance is None or not re.fullmatch("[0-9a-f]{8,64}", provenance.identity):
        raise UserError(
            f"{files.run(key).provenance} does not say the run's identity: train it again with 'make repro'."
        )
    with intact(files.run(key).provenance):
        inputs = _inputs(run, provenance, root)
    _check_scores(files, run["group"], key)
    config = provenance.config.model_dump(mode="json")
    scores = task_scores(files, plan, run["task"])
    trained_on = provenance.model_dump(include=TRAINED_ON)
    origin = {**metrics, "made_from": provenance.model_dump(include=ORIGIN)}
    return {
        "description": tracking.wandb_settings(key, run, config, provenance.identity, params.study),
        "lines": read_whole_history(files.run(key).history, record.metrics.step),
        "summary": {
            **tracking.flat("result", metrics),
            **tracking.flat("provenance", trained_on),
            **means(scores, key),
        },
        "scores": by_image(scores, key),
        "crops": _crops(params, plan, files, key),
        "weights": _file("model", files.weights(run["group"], key), origin),
        "inputs": inputs,
    }


def baselines(params: Params, plan: Plan, root: Path = Path()) -> dict[str, str]:
    """Return the tasks whose input baselines were measured, by the baselines' keys."""
    measured = [task for task in plan["tasks"] if paths(plan["study"], root).input_baseline_scores(task).rows.is_file()]
    return {input_baseline_key(task, reference_of(params.tasks[task].scale)): task for task in measured}


def baseline_content(params: Params, plan: Plan, task: str, root: Path = Path()) -> dict[str, Any]:
    """Read all that there is of a task's input baseline, which W&B gets as a run without curves or weights.

    It has the table of images too: what each loss restored of the task's crops, beside input and ground truth.
    """
    from sharploss.training.checkpoint import config_hash  # and torch, which runs do not need

    files, name = paths(plan["study"], root), reference_of(params.tasks[task].scale)
    key, settings = input_baseline_key(task, name), {"task": params.tasks[task].model_dump(mode="json")}
    suites = [suite for suite, asked in params.suites.items() if task in asked.tasks]
    run = {"task": task, "network": "none", "loss": name, "recipe": "none", "seed": 0, "suites": suites}
    identity = config_hash({"study": params.study, **settings})
    description = tracking.wandb_settings(key, run, settings, identity, params.study)
    scores, crops = task_scores(files, plan, task), [name for name, crop in params.crops.items() if crop.task == task]
    return {
        "description": {**description, "job_type": "input"},
        "lines": [],
        "summary": means(scores, key),
        "scores": by_image(scores, key),
        "crops": {crop: path for crop in crops if (path := files.input_baseline_crop(task, crop, name)).is_file()},
        "images": [row for crop in crops for row in _restored(params, plan, files, crop, scores)],
        "inputs": [],
    }


def _restored(
    params: Params, plan: Plan, files: StudyPaths, name: str, scores: Iterable[Score]
) -> Iterator[dict[str, Any]]:
    """Yield a row for each image of a crop that is here: the ground truth, the input, and what each loss restored."""
    crop = params.crops[name]
    reference = reference_of(params.tasks[crop.task].scale)
    pictures = {
        (TARGET, "", TARGET): files.input_baseline_crop(crop.task, name, TARGET),
        (input_baseline_key(crop.task, reference), "", reference): files.input_baseline_crop(
            crop.task, name, reference
        ),
    }
    for key, run in plan["runs"].items():
        with suppress(UserError):  # of other weights than the last: that run's own content says so
            if run["task"] == crop.task and (path := _crops(params, plan, files, key).get(name)):
                _check_scores(files, run["group"], key)
                pictures[key, run["network"], run["loss"]] = path
    its = [row for row in scores if (row.dataset, row.image) == (crop.dataset, crop.image)]
    for (key, network, loss), path in pictures.items():
        if path.is_file():
            values = next(iter(by_image(its, key)), {})
            shown = {metric: value for metric, value in values.items() if SHOWN.match(metric)}
            yield {"crop": name, "network": network, "loss": loss, "run": key, "image": path, **shown}


def _check_scores(files: StudyPaths, group: str, key: str) -> None:
    """Refuse scores that are of other weights than those that are here."""
    scores, weights = files.scores(group), files.weights(group, key)
    measured = load_notes(scores).weights_sha256 if scores.rows.is_file() and weights.is_file() else {}
    if key in measured and measured[key] != sha256(weights):
        raise UserError(f"{scores.rows} is of other weights of {key} than the last: run 'make repro' to measure them.")


def by_image(scores: Iterable[Score], key: str) -> list[dict[str, Any]]:
    """Return a run's scores, a row per image: dataset, image, and each metric as "<metric>_<protocol>"."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for score in scores:
        if score.run == key:
            row = rows.setdefault((score.dataset, score.image), {"dataset": score.dataset, "image": score.image})
            row[f"{score.metric}_{score.protocol}"] = score.value
    return list(rows.values())


def task_scores(files: StudyPaths, plan: Plan, task: str) -> list[Score]:
    """Return the scores of all runs of a task, and of its input baseline, that were measured so far."""
    measured = [files.scores(name) for name, group in plan["groups"].items() if group["task"] == task]
    measured.append(files.input_baseline_scores(task))
    return [row for found in measured if found.rows.is_file() for row in _load(found, found.rows.stat().st_mtime_ns)]


@lru_cache(maxsize=64)
def _load(files: ScoreFiles, _changed: int) -> list[Score]:
    """Read a table once for all the runs that are sent with it."""
    return load_scores(files).rows


def means(scores: Iterable[Score], key: str) -> dict[str, float]:
    """Return a run's means over the images of each test set, as "scores/<dataset>/<metric>_<protocol>".

    They are those of the tables, over the images on which all runs of the task (`task_scores`) have a finite score
    (`record.scores.comparable`); where that leaves some out, "images/<dataset>/<metric>_<protocol>" says how many are
    left.
    """
    rows, scored, kept = list(scores), defaultdict[str, set[str]](set), defaultdict[str, list[float]](list)
    for row in rows:
        scored[f"{row.dataset}/{row.metric}_{row.protocol}"].add(row.image)
    for row in comparable(rows):
        if row.run == key:
            kept[f"{row.dataset}/{row.metric}_{row.protocol}"].append(row.value)
    found = {f"scores/{name}": fmean(values) for name, values in kept.items()}
    return found | {f"images/{name}": len(kept[name]) for name in kept if len(kept[name]) < len(scored[name])}


def _crops(params: Params, plan: Plan, files: StudyPaths, key: str) -> dict[str, Path]:
    """Find the crops of a run: of runs that differ in nothing but the seed, the first has them."""
    group = str(plan["runs"][key]["group"])
    variant = variant_of(key, group)
    if key != next(name for name in plan["groups"][group]["runs"] if variant_of(name, group) == variant):
        return {}
    found = {name: files.crop(group, name, variant) for name in params.crops}
    return {name: path for name, path in found.items() if path.is_file()}


def _file(kind: str, path: Path, metadata: dict[str, Any], digest: str | None = None) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    if digest is not None and sha256(path) != digest:
        raise UserError(f"{path} was made again since it was trained from: run 'make repro' to train from it again.")
    return {"name": path.stem, "type": kind, "metadata": metadata, "file": path}


def _inputs(run: Mapping[str, Any], provenance: Provenance, root: Path) -> list[dict[str, Any]]:
    """List what a run was trained on and started from; of the data only a receipt, with the sha256 of the pixels."""
    task = provenance.config.task.model_dump(mode="json")
    found: list[dict[str, Any] | None] = []
    for role, digest in provenance.packs.items():
        receipt = {"task": run["task"], "role": role, "sha256": digest, "sets": task.get(role), "made": task}
        about = {"name": pack_artifact(run["task"], role), "type": "dataset", "metadata": {"sha256": digest, **task}}
        found.append({**about, "receipt": receipt})
    origins = (("model", "start", provenance.start), ("extractor", "extractor", provenance.extractor))
    for kind, name, digest in origins:
        if run.get(name, NOTHING) != NOTHING:
            found.append(_file(kind, root / run[name], {}, digest))
    return [artifact for artifact in found if artifact is not None]
