"""Write reports/index.html: one self-contained page with the answer, the tables, the figures and the protocol."""

import argparse
from pathlib import Path

from sharploss.errors import run_main


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    from sharploss.analysis.report import report

    report(Path(), command="make repro")


if __name__ == "__main__":
    run_main(main)
