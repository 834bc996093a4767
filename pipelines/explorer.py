"""Make the crops of a study's image explorer from the weights that are here (results/<study>/weights)."""

import argparse

from sharploss.config.run_config import RunConfig, resolve_run
from sharploss.planning.plan import expand
from sharploss.record.keys import variant_of
from sharploss.record.paths import paths
from sharploss.record.run import load_run
from sharploss.record.study import current_study, load_study_params
from sharploss.utils.command import run_main
from sharploss.utils.errors import UserError


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", nargs="?", help="by default the study of params.yaml")
    parser.add_argument("--runs", nargs="+", metavar="KEY", help="only these; by default all whose weights are here")
    asked = parser.parse_args()
    name = asked.study or current_study()
    params, files = load_study_params(name), paths(name)
    if not params.explorer:
        raise UserError(f"{name} names no crops: list some under 'explorer', as studies/benchmark.yaml does.")
    from sharploss.evaluation.explorer import write_explorer

    groups: dict[str, dict[str, RunConfig | str]] = {}
    seen = set[tuple[str, str]]()  # of runs that differ in nothing but the seed, the first is shown
    for key, run in expand(params)["runs"].items():
        variant = (run["group"], variant_of(key, run["group"]))
        record = files.run(key)
        if variant in seen or not record.metrics.is_file() or load_run(record, key).metrics.status != "finished":
            continue
        seen.add(variant)
        here, left_out = files.weights(run["group"], key).is_file(), asked.runs and key not in asked.runs
        why = "its weights were not here" if not here else "it was left out to keep the page small" if left_out else ""
        groups.setdefault(run["group"], {})[key] = why or resolve_run(params, run)
    shown = {name: runs for name, runs in groups.items() if not all(isinstance(run, str) for run in runs.values())}
    size = write_explorer(params, shown, files)
    print(f"{files.explorer}: {size / 1e6:.1f} MB of pictures; 'make report STUDY={name}' draws the page with them")


if __name__ == "__main__":
    run_main(main)
