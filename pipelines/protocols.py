"""Measure one image under every protocol: protocols.csv says what they do to numbers."""

import argparse

from sharploss.config.params import load_params
from sharploss.record.paths import paths
from sharploss.utils.command import run_main


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    from sharploss.evaluation.explain import explain_protocols

    for row in explain_protocols(paths(load_params().study).protocols / "protocols.csv"):
        print(f"{row.protocol:<16}{row.metric:<26}{row.value or row.note}")


if __name__ == "__main__":
    run_main(main)
