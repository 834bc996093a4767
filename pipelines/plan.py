"""Expand params.yaml into runs.yaml, and say what will be trained, what is reused and what it costs.

With the name of a study, params.yaml becomes that study first. With --winners, the weights that its trials chose
on the tuning set are written into its file, and --dry-run shows what would be. With --check, as DVC calls it: fail when
runs.yaml is out of date, and write what the stages of dvc.yaml depend on.
"""

import argparse
from pathlib import Path

from sharploss.config.params import Params, load_params
from sharploss.planning.check_runs import check_study
from sharploss.planning.plan import Plan, changes, check_plan, expand, load_plan, write_plan
from sharploss.record.paths import STUDIES, paths
from sharploss.record.study import PARAMS, current_study, load_study_params, study_file, study_names
from sharploss.utils.command import run_main
from sharploss.utils.errors import UserError, unknown
from sharploss.utils.files import write_json, write_text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only check that runs.yaml is what params.yaml expands to")
    parser.add_argument("--measure", action="store_true", help="time some steps of what was never trained here")
    parser.add_argument("--winners", action="store_true", help="write what tuning chose into the study's file")
    parser.add_argument("--dry-run", action="store_true", help="with --winners: show it, and write nothing")
    parser.add_argument("study", nargs="?", help="a file of studies/, without its ending, to make params.yaml from")
    arguments = parser.parse_args()
    if arguments.dry_run and not arguments.winners:
        parser.error("--dry-run is for --winners")
    if arguments.winners:
        write_winners(arguments.study or current_study(), dry_run=arguments.dry_run)
        return
    if arguments.study:
        change_study(arguments.study)
    params = load_params()
    if arguments.check:
        plan = check_plan(params)
        check_study(params, plan["runs"].values())
        from sharploss.planning.stage_files import write_stage_files

        write_stage_files(params, plan)
        print(f"{len(plan['runs'])} runs, as planned")
        return
    renew(params, measure=arguments.measure)


def write_winners(study: str, root: Path = Path(), *, dry_run: bool = False) -> None:
    """Write the winners of a study's trials into its file, and into params.yaml where that is a copy of it.

    Raises:
        UserError: no family of losses has all of its trials scored, or there is no such study or suite.
    """
    from sharploss.analysis.winners import blocks, choose, written

    path, now = study_file(study, root), root / PARAMS
    params = load_study_params(study, root)
    choices = choose(params, paths(study, root))
    for choice in choices:
        print(f"{choice.family} ({choice.task}, {choice.network}): {choice.why}")
    suites, recipes = blocks(params, choices)
    print(*recipes.values(), *(text for mine in suites.values() for text in mine.values()), sep="", end="")
    if dry_run:
        return
    old = path.read_text(encoding="utf-8")
    copied = now.is_file() and now.read_text(encoding="utf-8") == old
    for file in (path, now) if copied else (path,):
        write_text(file, written(old, params, choices))
    print(f"{path}: written; 'make plan STUDY={study}' plans it")


def change_study(name: str, root: Path = Path()) -> None:
    """Make params.yaml a copy of studies/<name>.yaml.

    Raises:
        UserError: there is no such study, or params.yaml was edited and what is in it would be lost.
    """
    studies = {study: study_file(study, root).read_bytes() for study in study_names(root)}
    if name not in studies:
        raise unknown("study", name, studies)
    now = root / PARAMS
    if now.is_file() and now.read_bytes() not in studies.values():
        raise UserError(
            "params.yaml is no copy of a study: keep it as a file of studies/, or delete it, then try again."
        )
    write_text(now, studies[name].decode("utf-8"))


def renew(params: Params, *, measure: bool = False) -> None:
    """Write what follows from params.yaml, and only then print: who reads it may stop (`| head`)."""
    new = expand(params)
    check_study(params, new["runs"].values())
    old = readable_plan()
    write_plan(new)
    # For editors: the settings' names, types, ranges and meanings.
    write_json(STUDIES / "schema.json", Params.model_json_schema())
    for line in changes(old, new):
        print(line)
    print(f"runs.yaml: {len(new['runs'])} runs in {len(new['groups'])} groups for {len(params.suites)} suites")
    from sharploss.planning.cost import format_status, predict, run_status, time_steps

    print(*format_status(run_status(params, new)), sep="\n")
    if measure:
        time_steps(params, new)
    print(predict(params, new))


def readable_plan() -> Plan | None:
    """Read runs.yaml; None where there is none, or none of this version's."""
    try:
        return load_plan()
    except UserError:
        return None


if __name__ == "__main__":
    run_main(main)
