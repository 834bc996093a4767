"""Draw the figures, under reports/figures."""

import argparse
from pathlib import Path

from sharploss.errors import run_main


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    from sharploss.analysis.plot import plot

    plot(Path())


if __name__ == "__main__":
    run_main(main)
