"""Measure one image under every protocol: protocols.csv says what they do to numbers."""

import argparse

from sharploss.config.params import load_params
from sharploss.planning.stage_files import check_code
from sharploss.record.paths import paths
from sharploss.utils.command import run_main


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    from sharploss.evaluation.explain import explain_protocols

    files = paths(load_params().study)
    check_code("evaluate", files)
    for row in explain_protocols(files.protocol_table):
        print(f"{row.protocol:<16}{row.metric:<26}{row.value or row.note}")


if __name__ == "__main__":
    run_main(main)
