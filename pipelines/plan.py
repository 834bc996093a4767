"""Expand params.yaml into runs.yaml, and say what will be trained, what is reused and what it costs.

With the name of a study, params.yaml becomes that study first. With --check, as DVC calls it: fail when runs.yaml is
out of date, and write down which settings and code each run uses.
"""

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from sharploss.config.params import Params, load_params
from sharploss.planning.check_runs import check_study
from sharploss.planning.plan import (
    CODE,
    NOTHING,
    Plan,
    changes,
    check_plan,
    expand,
    load_plan,
    settings_path,
    write_plan,
)
from sharploss.utils.errors import UserError, run_main, unknown
from sharploss.utils.files import write_json, write_text

# How a file is found and downloaded; what was found is in the receipts of `fetch`.
ASSETS = tuple(f"sharploss.assets{part}" for part in ("", ".download", ".fetch", ".lock", ".unpack"))

# Which weights a loss reads is in the receipts, too.
SOURCES = tuple(f"sharploss.assets.{part}" for part in ("asset", "catalogue", "leakage", "weight_files", "weights"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only check that runs.yaml is what params.yaml expands to")
    parser.add_argument("study", nargs="?", help="a file of studies/, without its ending, to make params.yaml from")
    arguments = parser.parse_args()
    if arguments.study:
        change_study(arguments.study)
    params = load_params()
    if arguments.check:
        plan = check_plan(params)
        check_study(params, plan["runs"].values())
        write_code(params, plan)
        print(f"{len(plan['runs'])} runs, as planned")
        return
    renew(params)


def change_study(name: str, root: Path = Path()) -> None:
    """Make params.yaml a copy of studies/<name>.yaml.

    Raises:
        UserError: there is no such study, or params.yaml was edited and what is in it would be lost.
    """
    studies = {path.stem: path.read_bytes() for path in sorted((root / "studies").glob("*.yaml"))}
    if name not in studies:
        raise unknown("study", name, studies)
    now = root / "params.yaml"
    if now.is_file() and now.read_bytes() not in studies.values():
        raise UserError(
            "params.yaml is no copy of a study: keep it as a file of studies/, or delete it, then try again."
        )
    write_text(now, studies[name].decode("utf-8"))


def renew(params: Params) -> None:
    new = expand(params)
    check_study(params, new["runs"].values())
    old: Plan = load_plan() if Path("runs.yaml").exists() else {"runs": {}, "groups": {}}
    for line in changes(old, new):
        print(line)
    write_plan(new)
    # For editors: the settings' names, types, ranges and meanings.
    write_json("studies/schema.json", Params.model_json_schema())
    print(f"runs.yaml: {len(new['runs'])} runs in {len(new['groups'])} groups for {len(params.suites)} suites")
    from sharploss.planning.cost import predict
    from sharploss.planning.status import standing, tell

    altered = [key for key in new["runs"] if key in old["runs"] and old["runs"][key] != new["runs"][key]]
    print("\n".join(tell(standing(params, new), named=altered)))
    print(predict(params, new))


def write_code(params: Params, plan: Plan) -> None:
    """Write what the stages of dvc.yaml depend on: settings, and fingerprints of the code that uses them.

    A run or an evaluation depends on one such file instead of a dozen parameters and fingerprints: DVC writes its lock
    file anew after every stage, in a time that grows with the length of all entries.
    """
    from sharploss.losses import required_assets

    code, networks, losses = fingerprints(params)
    tasks, recipes, crops = plain(params.tasks), plain(params.recipes), plain(params.crops)
    files = {
        Path(NOTHING): "nothing\n",
        **{CODE / f"{stage}.txt": code[stage] for stage in ("prepare", "calibrate", "extract", "evaluate")},
        CODE / "needs.json": as_json({name: required_assets(spec) for name, spec in params.losses.items()}),
        CODE / "reference.json": as_json({"tasks": tasks, "crops": crops, "code": code["evaluate"].splitlines()}),
    }
    for key, run in plan["runs"].items():
        used = {"train": code["train"], "network": networks[run["network"]], "loss": losses[run["loss"]]}
        settings = {
            "network": params.networks[run["network"]].model_dump(mode="json"),
            "loss": params.losses[run["loss"]].model_dump(mode="json"),
            "recipe": recipes[run["recipe"]],
            "seed": run["seed"],
            "code": {part: text.splitlines() for part, text in used.items()},
        }
        files[settings_path(key)] = as_json(settings)
    for key, group in plan["groups"].items():
        used = {"evaluate": code["evaluate"], "network": networks[group["network"]]}
        settings = {
            "runs": group["runs"],
            "task": tasks[group["task"]],
            "network": params.networks[group["network"]].model_dump(mode="json"),
            "crops": {name: crop for name, crop in crops.items() if crop["task"] == group["task"]},
            "code": {part: text.splitlines() for part, text in used.items()},
        }
        files[CODE / f"group-{key}.json"] = as_json(settings)
    write_changed(files)


def fingerprints(params: Params) -> tuple[dict[str, str], dict[str, str], dict[str, str]]:
    """Give the fingerprints of stages' code, of networks' and of losses', by their names."""
    from sharploss.losses import TERMS
    from sharploss.networks import NETWORKS
    from sharploss.planning.fingerprint import fingerprint

    # What a run uses of losses and networks is apart from its stage; a discriminator belongs to its loss.
    choices = ("sharploss.losses", "sharploss.losses.adversarial", "sharploss.networks")
    stages = {
        "prepare": fingerprint(["sharploss.data.prepare"], without=ASSETS),
        "calibrate": fingerprint(["sharploss.evaluation.calibration"], without=ASSETS),
        "extract": fingerprint(["sharploss.training.extractor"]),
        "train": fingerprint(["sharploss.training.loop"], without=choices),
        "evaluate": fingerprint(["sharploss.evaluation.group", "sharploss.evaluation.reference"], without=choices),
    }
    networks = {name: fingerprint([NETWORKS[spec.network].__module__]) for name, spec in params.networks.items()}
    losses = {
        name: fingerprint(
            [*(TERMS[term].__module__ for term in spec.terms), "sharploss.losses.weighted_sum"],
            without=(*ASSETS, *SOURCES),
        )
        for name, spec in params.losses.items()
    }
    return stages, networks, losses


def plain(section: Mapping[str, BaseModel]) -> dict[str, dict[str, Any]]:
    """Give a section of params.yaml, what is left at its default left out: a new setting is to change nothing."""
    return {name: model.model_dump(mode="json", exclude_defaults=True) for name, model in section.items()}


def write_changed(files: dict[Path, str]) -> None:
    """Write files that do not hold their text yet, and take away others that lie in data/code."""
    for path in set(CODE.glob("*")) - files.keys():
        path.unlink()
    for path, text in files.items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            write_text(path, text)


def as_json(value: Any) -> str:
    return json.dumps(value, indent=2) + "\n"


if __name__ == "__main__":
    run_main(main)
