"""Draw the figures of a study."""

import argparse
from pathlib import Path

from sharploss.record.study import current_study
from sharploss.utils.errors import run_main


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    from sharploss.analysis.figures.draw import draw_figures

    draw_figures(current_study(), Path())


if __name__ == "__main__":
    run_main(main)
