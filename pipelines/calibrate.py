"""Compare bicubic, JPEG and published low-resolution images with the literature's numbers; fail when one is off.

Looks at the data sets that are here (cache or SHARPLOSS_MIRROR) and never downloads; `python -m sharploss data fetch`
does.
"""

import argparse
import sys

import torch

from sharploss.config.params import load_params
from sharploss.evaluation.calibration import calibrate, off
from sharploss.planning.stage_files import check_code
from sharploss.record.paths import paths
from sharploss.utils.command import run_main
from sharploss.utils.cores import claim_cores


def main() -> int:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    torch.set_num_threads(claim_cores(1))  # and the last bits of sums do not depend on the number of cores
    files = paths(load_params().study)
    check_code("calibrate", files)
    rows = calibrate(files)
    counts = {status: sum(row.status == status for row in rows) for status in ("ok", "off", "not calibrated")}
    print(f"{files.calibration}: " + ", ".join(f"{count} {status}" for status, count in counts.items()))
    for line in off(rows):
        print(f"error: {line}", file=sys.stderr)
    return 1 if counts["off"] else 0


if __name__ == "__main__":
    run_main(main)
