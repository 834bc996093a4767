"""What W&B gets of a finished run: its curves, result, scores, crops, weights, and what those were made from."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, cast

from sharploss.config.params import Params
from sharploss.planning.plan import NOTHING, Plan, find_run
from sharploss.record.history import read_history
from sharploss.record.keys import variant_of
from sharploss.record.paths import StudyPaths, paths
from sharploss.record.run import Provenance, load_run
from sharploss.record.scores import load_scores
from sharploss.tracking import follower as tracking
from sharploss.utils.errors import UserError
from sharploss.utils.files import sha256

CIRCUMSTANCES = {"started", "seconds", "steps_per_second", "device", "hardware", "versions", "commit", "parameters"}
ORIGIN = {"identity", "packs", "start", "extractor", "commit"}


def content_of(params: Params, plan: Plan, key: str, root: Path = Path()) -> dict[str, Any]:
    """Read all that there is of a run.

    Returns:
        description: what W&B needs (`tracking.wandb_settings`).
        lines: the history.
        summary: the result and the circumstances, flat; the means of the scores.
        scores: one row per image, flat; none where nothing was measured.
        crops: name -> PNG file of a restored crop.
        weights: an artifact, as below, or None where the weights are not here.
        inputs: artifacts that the weights were made from: name, type, metadata, and either `file` or a `receipt`.

    Raises:
        UserError: there is no such run, or it is not done, or was trained by a version that left no identity, or its
            scores, or what it started from, are of other weights.
    """
    run, files = find_run(plan, key), paths(plan["study"], root)
    record = load_run(files.run(key), key)
    metrics, provenance = record.metrics.model_dump(exclude_none=True), record.provenance
    if provenance is None or not provenance.identity:
        raise UserError(
            f"{files.run(key).provenance} does not say the run's identity: train it again with 'make repro'."
        )
    _check_scores(files, run["group"], key, provenance.started)
    scores = scores_by_image(files, run["group"], key)
    circumstances = provenance.model_dump(include=CIRCUMSTANCES)
    origin = {**metrics, "made_from": provenance.model_dump(include=ORIGIN)}
    return {
        "description": tracking.wandb_settings(key, run, provenance.config, provenance.identity, params.study),
        "lines": read_history(files.run(key).history),
        "summary": {**_flat("result", metrics), **_flat("circumstances", circumstances), **means(scores)},
        "scores": scores,
        "crops": _crops(params, plan, files, key),
        "weights": _file("model", files.weights(run["group"], key), origin),
        "inputs": _inputs(run, provenance, root),
    }


def _check_scores(files: StudyPaths, group: str, key: str, started: str) -> None:
    """Refuse scores that are of other weights than those that are here, or older than the training."""
    scores, weights = files.scores(group), files.weights(group, key)
    if not scores.rows.is_file():
        return
    measured = load_scores(scores).notes.weights_sha256.get(key)
    if measured is not None and weights.is_file():
        other = measured != sha256(weights)
    else:  # trained elsewhere, or measured by a version that did not record it
        other = scores.rows.stat().st_mtime < datetime.fromisoformat(started).timestamp()
    if other:
        raise UserError(f"{scores.rows} is of other weights of {key} than the last: run 'make repro' to measure them.")


def scores_by_image(files: StudyPaths, group: str, key: str) -> list[dict[str, Any]]:
    """Return a run's scores, a row per image: dataset, image, and each metric as "<metric>_<protocol>"."""
    if not files.scores(group).rows.is_file():
        return []
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for score in load_scores(files.scores(group)).rows:
        if score.run == key:
            about = {"dataset": score.dataset, "image": score.image}
            row = rows.setdefault((score.dataset, score.image), about)
            row[f"{score.metric}_{score.protocol}"] = score.value
    return list(rows.values())


def means(scores: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Return the means over the images of each test set, as "scores/<dataset>/<metric>_<protocol>"."""
    values: dict[str, list[float]] = {}
    for row in scores:
        for name, value in row.items():
            if isinstance(value, float):
                values.setdefault(f"scores/{row['dataset']}/{name}", []).append(value)
    return {name: sum(numbers) / len(numbers) for name, numbers in values.items()}


def _flat(prefix: str, values: dict[str, Any]) -> dict[str, Any]:
    """Return nested values by flat names, those that are None left out."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat |= _flat(f"{prefix}/{name}", cast("dict[str, Any]", value))
        elif value is not None:
            flat[f"{prefix}/{name}"] = value
    return flat


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
    task = provenance.config["task"]
    found: list[dict[str, Any] | None] = [
        {
            "name": f"{run['task']}-{role}",
            "type": "dataset",
            "metadata": {"sha256": sha256, **task},
            "receipt": {"task": run["task"], "role": role, "sha256": sha256, "sets": task.get(role), "made": task},
        }
        for role, sha256 in provenance.packs.items()
    ]
    origins = (("model", "start", provenance.start), ("extractor", "extractor", provenance.extractor))
    for kind, name, digest in origins:
        if run.get(name, NOTHING) != NOTHING:
            found.append(_file(kind, root / run[name], {}, digest))
    return [artifact for artifact in found if artifact is not None]
