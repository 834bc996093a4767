"""What there is of a run that is done: its record, result, scores, crops, weights, and what those were made from."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from sharploss.config.params import Params
from sharploss.planning.plan import NOTHING, Plan, find_run, weights_path
from sharploss.tracking import follower as tracking
from sharploss.utils.errors import UserError
from sharploss.utils.files import read_json


def gather(params: Params, plan: Plan, key: str, root: Path = Path()) -> dict[str, Any]:
    """Read all that there is of a run.

    Returns:
        description: what W&B needs to know (`tracking.wandb_settings`).
        lines: the record.
        summary: the result and the circumstances, flat; the means of the scores.
        scores: one row per image, flat; none where nothing was measured.
        crops: name -> PNG file of a restored crop.
        weights: an artifact, as below, or None where the weights are not here.
        inputs: artifacts that the weights were made from: name, type, metadata, and either `file` or a `receipt`.

    Raises:
        UserError: there is no such run, or it is not done, or was trained by a version that left no identity.
    """
    run = find_run(plan, key)
    folder = root / "results" / "runs" / key
    metrics, provenance = read_json(folder / "metrics.json"), read_json(folder / "provenance.json")
    if "identity" not in provenance:
        raise UserError(f"{folder}/provenance.json does not say the run's identity: train it again with 'make repro'.")
    scores = read_scores(root / "results" / "scores" / f"{run['group']}.csv", key)
    return {
        "description": tracking.wandb_settings(key, run, provenance["config"], provenance["identity"], params.study),
        "lines": [json.loads(line) for line in (folder / "history.jsonl").read_text(encoding="utf-8").splitlines()],
        "summary": {**_flat("result", metrics), **_circumstances(provenance), **means(scores)},
        "scores": scores,
        "crops": _crops(params, plan, key, root),
        "weights": _file(
            "model", root / weights_path(run["group"], key), {**metrics, "made_from": _origin(provenance)}
        ),
        "inputs": _inputs(run, provenance, root),
    }


def read_scores(path: Path, key: str) -> list[dict[str, Any]]:
    """Give a run's scores, a row per image: dataset, image, and each metric as "<metric>_<protocol>"."""
    if not path.is_file():
        return []
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            if line["run"] != key:
                continue
            row = rows.setdefault(
                (line["dataset"], line["image"]), {"dataset": line["dataset"], "image": line["image"]}
            )
            row[f"{line['metric']}_{line['protocol']}"] = float(line["value"]) if line["value"] else None
    return list(rows.values())


def means(scores: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Give the means over the images of each test set, as "scores/<dataset>/<metric>_<protocol>"."""
    values: dict[str, list[float]] = {}
    for row in scores:
        for name, value in row.items():
            if isinstance(value, float):
                values.setdefault(f"scores/{row['dataset']}/{name}", []).append(value)
    return {name: sum(numbers) / len(numbers) for name, numbers in values.items()}


def _flat(prefix: str, values: dict[str, Any]) -> dict[str, Any]:
    """Give nested values flat names, those that are None left out."""
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            flat |= _flat(f"{prefix}/{name}", cast("dict[str, Any]", value))
        elif value is not None:
            flat[f"{prefix}/{name}"] = value
    return flat


def _circumstances(provenance: dict[str, Any]) -> dict[str, Any]:
    known = ("started", "seconds", "steps_per_second", "device", "hardware", "versions", "commit", "parameters")
    return _flat("circumstances", {name: provenance[name] for name in known if name in provenance})


def _origin(provenance: dict[str, Any]) -> dict[str, Any]:
    return {name: provenance.get(name) for name in ("identity", "packs", "start", "extractor", "commit")}


def _crops(params: Params, plan: Plan, key: str, root: Path) -> dict[str, Path]:
    """Find the crops of a run: of runs that differ in nothing but the seed, the first has them."""
    run = plan["runs"][key]
    variant = _variant(key)
    if key != next(name for name in plan["groups"][run["group"]]["runs"] if _variant(name) == variant):
        return {}
    folder = root / "results" / "crops" / str(run["group"])
    paths = {name: folder / f"{name}-{variant.removeprefix(run['group'] + '-')}.png" for name in params.crops}
    return {name: path for name, path in paths.items() if path.is_file()}


def _variant(key: str) -> str:
    """Give a run's key without its seed."""
    return key.rsplit("-s", 1)[0]


def _file(kind: str, path: Path, metadata: dict[str, Any]) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    return {"name": path.stem, "type": kind, "metadata": metadata, "file": path}


def _inputs(run: dict[str, Any], provenance: dict[str, Any], root: Path) -> list[dict[str, Any]]:
    """List what a run was trained on and started from; of the data only a receipt, with the sha256 of the pixels."""
    task = provenance["config"]["task"]
    found: list[dict[str, Any] | None] = [
        {
            "name": f"{run['task']}-{role}",
            "type": "dataset",
            "metadata": {"sha256": sha256, **task},
            "receipt": {"task": run["task"], "role": role, "sha256": sha256, "sets": task.get(role), "made": task},
        }
        for role, sha256 in (provenance.get("packs") or {}).items()
    ]
    for kind, name in (("model", "start"), ("extractor", "extractor")):
        if run.get(name, NOTHING) != NOTHING:
            found.append(_file(kind, root / run[name], {}))
    return [artifact for artifact in found if artifact is not None]
