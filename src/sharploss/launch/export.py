"""`python -m sharploss export RUN`: a trained network as a folder that model hubs take, with its scores and a card."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import yaml

import sharploss
from sharploss.analysis.load import load_study
from sharploss.analysis.measures import heading, interval, is_shown, number
from sharploss.analysis.papers import load_titles
from sharploss.analysis.stats.effect_sizes import ends, of_images
from sharploss.analysis.stats.intervals import ROW
from sharploss.analysis.study import Study
from sharploss.analysis.tables.layout import records
from sharploss.analysis.titles import Titles, loss_titles, name_title
from sharploss.assets.catalogue import ASSETS
from sharploss.config.loss_spec import LossSpec
from sharploss.config.params import Params
from sharploss.config.protocols import PROTOCOLS
from sharploss.evaluation.photographs import EXPORTED, describe_loss, trained_config, weights_here
from sharploss.planning.plan import expand
from sharploss.record.paths import paths, paths_of_result
from sharploss.record.scores import load_scores
from sharploss.record.study import PARAMS, current_study, load_study_params
from sharploss.training.checkpoint import read_metadata, read_weights
from sharploss.utils.command import make_parser
from sharploss.utils.errors import UserError, unknown
from sharploss.utils.files import json_value, sha256, write_bytes, write_json, write_text
from sharploss.utils.optional import optional_package

CONFIG, SCORES, CARD = "config.json", "scores.json", "README.md"
MEASURE = ["dataset", "metric", "protocol"]
TRAINING = {"started", "seconds", "hardware", "versions", "commit", "processes", "backbones", "imported", "partial"}
TAGS = {"sr": "super-resolution", "sharpen": "sharpening", "deblur": "deblurring", "denoise": "denoising"}
DESCRIPTION = """Write a trained network into a folder, ready for a model hub: its weights, configuration, scores, and a
model card with the licences of its training data.

  python -m sharploss export edsr_x4_sploss                        into exported/edsr_x4_sploss
  python -m sharploss export sr_x4-edsr-l1-s0 --study mini --out l1

RUN is a name of 'python -m sharploss restore --list'. An earlier export is replaced, any other folder that is not
empty is kept. 'python -m sharploss restore IMAGE --run FOLDER' restores with it.
"""


def main(arguments: Sequence[str]) -> int:
    """Run the command with these arguments and return its exit code."""
    parser = make_parser("export", DESCRIPTION)
    parser.add_argument("run", metavar="RUN", help="a name of 'restore --list', such as the key of a trained run")
    parser.add_argument("--study", default="", metavar="NAME", help="study that RUN is of; default: the current one")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="folder to write; default: exported/RUN")
    asked = parser.parse_args(arguments)
    known = weights_here(asked.study)
    if asked.run not in known:
        raise _not_here(asked.run, asked.study, known)
    folder: Path = asked.out or Path("exported") / asked.run
    export(known[asked.run], folder)
    for path in sorted(folder.iterdir()):
        print(f"{path}: {path.stat().st_size:,} bytes")
    return 0


def _not_here(run: str, study: str, known: dict[str, Path]) -> UserError:
    """Return why there is nothing to export: no such study, no such run, or weights that only DVC has."""
    if study or Path(PARAMS).is_file():
        study = study or current_study()
        runs, files = expand(load_study_params(study))["runs"], paths(study)
        if run in runs and files.run(run).metrics.is_file():
            where = files.weights(runs[run]["group"], run)
            return UserError(f"{where} is missing: fetch it with 'dvc pull {where}', or train the run again.")
    return unknown("trained network", run, known)


def export(weights: Path, folder: Path) -> None:
    """Write the folder of a network, whole or not at all; UserError where the folder holds anything but an export."""
    folder, written = folder.resolve(), {EXPORTED, CONFIG, SCORES, CARD}  # a link stays one; "." has no name of its own
    if folder == Path.cwd():
        raise UserError(f"{folder} is the folder you are in, which cannot be replaced: name another with --out.")
    found = {path.name for path in folder.iterdir()} if folder.is_dir() else set[str]()
    if (folder.exists() and not folder.is_dir()) or (found and not (found <= written and CONFIG in found)):
        raise UserError(f"{folder} exists and is no earlier export: name another folder with --out.")
    config, scores = describe(weights)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as temporary:
        new = Path(temporary) / "new"
        write_bytes(new / EXPORTED, weights.read_bytes())
        write_json(new / CONFIG, config)
        write_json(new / SCORES, scores)
        write_text(new / CARD, card(config, scores, load_titles(paths_of_result(weights).root)))
        old = folder.rename(Path(temporary) / "old") if found else None
        try:
            new.rename(folder)
        except BaseException:  # the earlier export would go with the temporary folder
            if old:
                old.rename(folder)
            raise


def describe(weights: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what is to be known of a network and its scores, as config.json and scores.json have them."""
    said, config, tensors = read_metadata(weights), trained_config(weights), read_weights(weights)
    if said["status"] != "finished":
        raise UserError(f"{weights} is of a training that did not finish: choose another run.")
    files = paths_of_result(weights)
    params = load_study_params(files.study, files.root)
    key, network, scale = said["key"], config.network, config.task.scale
    about = {
        "sharploss": sharploss.__version__,
        "study": files.study,
        "run": key,
        "network": {"name": network.network, "parameters": {"scale": scale, **network.parameters}},
        "conventions": {
            "input": "(N, channels, h, w), channels R, G and B, values in [0, 1]",
            "output": f"(N, channels, {scale} h, {scale} w), the same, to be clamped to [0, 1]",
            "8 bits": "value / 255 before, floor(255 value + 0.5) after",
        },
        "dtype": str(next(iter(tensors.values())).dtype).removeprefix("torch."),
        "parameters": sum(tensor.numel() for tensor in tensors.values()),
        "weights_sha256": sha256(weights),
        "float32_sha256": said.get("float32_sha256", sha256(weights)),
        **{part: value for part, value in config.model_dump(mode="json").items() if part != "network"},
        "training_data": {name: source(name, params) for name in config.task.train},
    }
    try:
        study = load_study(files.study, files.root, partial=True)
        notes = load_scores(files.scores(str(study.runs.set_index("run").loc[key, "group"]))).notes
        same = notes.weights_sha256.get(key, about["float32_sha256"]) == about["float32_sha256"]
        scores = measured(study, key) if same else {"reason": "the scores that are here are of other weights"}
        if key in study.provenance:
            about["training"] = study.provenance[key].model_dump(mode="json", include=TRAINING)
        return about, scores
    except (KeyError, UserError) as error:
        return about, {"reason": str(error) if isinstance(error, UserError) else "it was not scored yet"}


def source(name: str, params: Params) -> dict[str, Any]:
    """Return whose the images of a data set are, and under which licence."""
    if name in params.datasets:
        return {"licence": params.datasets[name].licence or "none stated", "citation": "its trainer's own data set"}
    asset = ASSETS[name]
    images = [f"{file.title}: {file.licence}, {file.author}" for file in asset.files if file.title]
    return {"licence": asset.licence, "citation": asset.citation} | ({"images": images} if images else {})


def measured(study: Study, key: str) -> dict[str, Any]:
    """Return a run's means with intervals, its input's, and how its loss differs from the one it is compared with."""
    run = next(row for row in records(study.runs) if row["run"] == key)
    judged = next(row for row in records(study.qualified) if row["run"] == key)
    scores, said = study.scores, ["difference", "low", "high", "images", "seeds", "spread", "against"]
    seeds = {row["seed"] for row in records(study.runs) if all(row[part] == run[part] for part in ROW)}
    same = study.compared[(study.compared[ROW] == [run[part] for part in ROW]).all(axis=1)]
    compared = dict(zip(same[MEASURE].itertuples(index=False, name=None), records(same[said]), strict=True))
    inputs = scores[(scores["task"] == run["task"]) & (scores["loss"] == run["reference"])]
    before = inputs.groupby(MEASURE)["value"].mean().to_dict()
    rows = list[dict[str, Any]]()
    mine = scores[scores["run"] == key]
    order = {name: at for at, name in enumerate(mine["dataset"].unique())}  # a second pass of a metric comes at the end
    mine = mine.sort_values("dataset", key=lambda names: names.map(order), kind="stable")
    for where, part in mine.groupby(MEASURE, sort=False):
        values, about = part["value"].to_numpy(dtype="float64"), cast("tuple[str, str, str]", where)
        mean = float(values.mean())
        low, high = ends(mean, of_images(values))
        row = dict(zip(MEASURE, about, strict=True)) | {"images": len(values), "mean": mean, "low": low, "high": high}
        row |= {"input": before.get(about)} | ({"against": compared[about]} if about in compared else {})
        rows.append(json_value(row))
    return {
        "evidence": judged["reason"] or "counts",
        "gain_over_input_db": json_value(judged["gain"]),
        "budget": {"steps": run["step"], "seeds_of_the_loss": len(seeds)},
        "intervals": "95 % over images, Student's t; those of differences over images and trainings",
        "protocols": {name: PROTOCOLS[name]["description"] for name in sorted({row["protocol"] for row in rows})},
        "not_measured": study.not_measured,
        "rows": rows,
    }


def card(config: dict[str, Any], scores: dict[str, Any], titles: Titles) -> str:
    """Write the model card: Markdown, with what hubs read of it in front."""
    kind, rows = config["task"]["kind"], scores.get("rows", [])
    shown = [row for row in rows if is_shown((row["metric"], row["protocol"]))]
    front = {
        "license": "other",
        "license_name": "mit-with-the-terms-of-the-training-data",
        "library_name": "sharploss",
        "pipeline_tag": "image-to-image",
        "tags": ["image-restoration", TAGS.get(kind, kind), config["network"]["name"], *config["loss"]],
        "datasets": config["task"]["train"],
        "metrics": list(dict.fromkeys(row["metric"] for row in shown)),
    }
    jinja2 = optional_package("jinja2")
    kept: dict[str, Any] = {"undefined": jinja2.StrictUndefined, "trim_blocks": True, "lstrip_blocks": True}
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=False, **kept)
    environment.filters["thousands"] = "{:,}".format
    environment.globals |= {"heading": heading, "interval": interval, "name_title": name_title, "number": number}
    loss = LossSpec.model_validate(config["loss"])
    return environment.get_template("card.md.jinja").render(
        config,
        front=yaml.safe_dump(front, sort_keys=False, allow_unicode=True),
        loss_title=loss_titles({"": loss}, titles)[""],
        loss_terms=describe_loss(loss),
        weights=EXPORTED,
        scores=scores,
        compared=[row["against"] for row in rows if "against" in row],
        shown=shown,
    )
