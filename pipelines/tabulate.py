"""Turn scores and records into tables, under reports/tables."""

import argparse
from pathlib import Path

from sharploss.utils.errors import run_main


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    from sharploss.analysis.tables.tables import make_tables

    make_tables("mini", Path())


if __name__ == "__main__":
    run_main(main)
