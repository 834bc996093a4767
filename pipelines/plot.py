"""Draw the figures, under reports/figures."""

import argparse
from pathlib import Path

from sharploss.utils.errors import run_main


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    from sharploss.analysis.figures.draw import draw_figures

    draw_figures(Path())


if __name__ == "__main__":
    run_main(main)
