"""Draw the figures of a study."""

import argparse

from sharploss.record.study import current_study
from sharploss.utils.command import run_main


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    from sharploss.analysis.figures.draw import write_figures
    from sharploss.analysis.load import load_study

    write_figures(load_study(current_study()))


if __name__ == "__main__":
    run_main(main)
