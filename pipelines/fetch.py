"""Look for every data set and weight file the study can use, download what can be had, and note what was found.

DVC runs this every time: whether a mirror is mounted or the network is up is nothing it can see by itself. The notes
say the same when the same is found, so nothing is done again for it.
"""

import argparse
from typing import cast

from sharploss.assets import choose, present, receipt, receipts
from sharploss.assets.catalogue import ASSETS
from sharploss.assets.lookup import package_spec
from sharploss.assets.own import own_receipt
from sharploss.config.params import Params, load_params
from sharploss.config.protocols import CALIBRATION_SETS
from sharploss.record.paths import paths
from sharploss.utils.command import run_main
from sharploss.utils.files import read_json, write_json

WEIGHTS = ["alexnet", "niqe"]  # of the metrics LPIPS and NIQE
PACKAGES = ["lpips", "pyiqa", "scipy"]  # of LPIPS, NIQE and FID: what is computed once they are installed
AT_HAND = {"vgg16_torchvision", "inception_fid"}  # of metrics that are measured only where these are here


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    params = load_params()
    files = paths(params.study)
    receipts({name: files.receipt(name) for name in (*sorted(wanted(params)), *WEIGHTS)})
    # Calibration and some metrics look at what is here and never download.
    for name in {*CALIBRATION_SETS, *AT_HAND} - wanted(params):
        if present(name) is None:
            absent = {
                "name": name,
                "available": False,
                "sha256": {},
                "reason": "it is in neither the cache nor a mirror",
            }
            write_json(files.receipt(name), absent)
        else:
            receipts({name: files.receipt(name)})
    for name, dataset in params.datasets.items():
        found = own_receipt(name, [place for place in (dataset.images, dataset.inputs) if place])
        write_json(files.receipt(name), found)
        print(f"{name}: {len(found['sha256'])} images")
        for place, skipped in found["skipped"].items():
            print(f"{name}: skipped in {place}: {skipped}")
    # A loss's runs depend on what was found of its weights: they are trained once those can be had.
    required = cast("dict[str, list[list[str]]]", read_json(files.required_assets))
    for name, groups in required.items():
        used = [package_receipt("lpips")] if "lpips" in params.losses[name].terms else []
        write_json(files.loss_receipts(name), [*(receipt(choose(names)) for names in groups), *used])
    for name in PACKAGES:
        write_json(files.receipt(name, package=True), package_receipt(name))


def wanted(params: Params) -> set[str]:
    """Return the catalogue's sets that the tasks use, with those that hold their published inputs."""
    names: set[str] = set()
    for task in params.tasks.values():
        used = {*task.train, *task.validation, *task.test, *task.tune} & ASSETS.keys()
        published = getattr(task, "inputs", "made") == "published"
        names |= used | {
            ASSETS[name].inputs[task.scale] for name in used if published and task.scale in ASSETS[name].inputs
        }
    return names


def package_receipt(name: str) -> dict[str, object]:
    """Return whether a package is installed that only some metrics and losses need."""
    found = package_spec(name) is not None
    return {"name": name, "available": found, "sha256": {}, "reason": "" if found else "it is not installed"}


if __name__ == "__main__":
    run_main(main)
