"""Train one run of runs.yaml, or go on with it where it was stopped."""

import argparse
import os
import sys

from sharploss.launch.training import train_run
from sharploss.utils.command import run_main
from sharploss.utils.cores import processes_of_a_run


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", help="a key of runs.yaml, such as sr_x4-edsr-sploss-s0")
    key = parser.parse_args().run
    several = processes_of_a_run()
    if several > 1 and "WORLD_SIZE" not in os.environ:
        # DVC's command stays the same on one GPU and on eight: it is this process that becomes torchrun.
        torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={several}"]
        os.execv(sys.executable, [sys.executable, *torchrun, *sys.argv])
    return train_run(key)[0]


if __name__ == "__main__":
    run_main(main, at_once=True)
