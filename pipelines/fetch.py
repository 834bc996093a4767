"""Look for every data set and weight file the study can use, download what can be had, and note what was found.

DVC runs this every time: whether a mirror is mounted or the network is up is nothing it can see by itself. The notes
in data/assets say the same when the same is found, so nothing is done again for it.
"""

import argparse
from pathlib import Path

from sharploss.assets.fetch import receipts
from sharploss.errors import run_main
from sharploss.params import load_params

WEIGHTS = ["alexnet", "niqe"]  # of the metrics LPIPS and NIQE


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    params = load_params()
    sets = {name for task in params.tasks.values() for name in (*task.train, *task.validation, *task.test)}
    receipts([*sorted(sets), *WEIGHTS], Path("data/assets"))


if __name__ == "__main__":
    run_main(main)
