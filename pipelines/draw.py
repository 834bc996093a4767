"""Draw the pages of a study from its scores and records: no DVC, data, weights or training (make report STUDY=...)."""

import argparse
from pathlib import Path

from sharploss.record.paths import paths
from sharploss.record.study import current_study
from sharploss.utils.command import run_main


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", nargs="?", help="whose pages; by default the study of params.yaml")
    parser.add_argument("--release", metavar="WHY", help="keep the verdicts as a version: why some changed")
    arguments = parser.parse_args()
    name = arguments.study or current_study()
    from sharploss.analysis.claims.evaluate import write_claims
    from sharploss.analysis.claims.versions import release
    from sharploss.analysis.figures.draw import write_figures
    from sharploss.analysis.load import load_study
    from sharploss.analysis.report.page import write_front_page, write_page
    from sharploss.analysis.tables.tables import write_tables

    print(f"{name}: reading its results", flush=True)
    study = load_study(name, partial=True)
    print(f"{name}: tables", flush=True)
    write_tables(study)
    print(f"{name}: claims", flush=True)
    claims = write_claims(study)["claims"]
    if arguments.release:
        print(f"{name}: version {release(study.paths, claims, arguments.release)} of its verdicts", flush=True)
    print(f"{name}: figures", flush=True)
    write_figures(study)
    write_page(study, command=f"make plan STUDY={name} && make repro")
    write_front_page(Path())
    print(paths(name).page)


if __name__ == "__main__":
    run_main(main)
