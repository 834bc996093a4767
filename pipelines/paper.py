"""Write the tables and figures of a study as one LaTeX article, and its PDF where a TeX is (make paper STUDY=...)."""

import argparse

from sharploss.record.study import current_study
from sharploss.utils.command import run_main


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("study", nargs="?", help="whose tables and figures; by default the study of params.yaml")
    name = parser.parse_args().study or current_study()
    from sharploss.analysis.load import load_study
    from sharploss.analysis.report.paper import write_paper

    print("\n".join(write_paper(load_study(name, partial=True))))


if __name__ == "__main__":
    run_main(main)
