"""Write a study's page, with the answer, the tables, the figures and the protocol, and the front page."""

import argparse
import os
from pathlib import Path

from sharploss.record.study import current_study
from sharploss.utils.command import run_main


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    from sharploss.analysis.load import load_study
    from sharploss.analysis.report.page import write_front_page, write_page

    # A mirror changes what can be measured, so it belongs to the command; where it lies on this machine does not.
    mirror = "SHARPLOSS_MIRROR=<folder> " if os.environ.get("SHARPLOSS_MIRROR") else ""
    write_page(load_study(current_study()), f"{mirror}make repro")
    write_front_page(Path())


if __name__ == "__main__":
    run_main(main)
