"""Write the tables of a study, from its scores and records."""

import argparse

from sharploss.record.study import current_study
from sharploss.utils.command import run_main


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    from sharploss.analysis.load import load_study
    from sharploss.analysis.tables.tables import write_tables

    write_tables(load_study(current_study()))


if __name__ == "__main__":
    run_main(main)
