"""Store trained networks in float16, as those that come with the repository (results/<study>/flagship)."""

import argparse
import json

from sharploss.planning.plan import expand
from sharploss.record.paths import paths
from sharploss.record.study import load_study_params
from sharploss.utils.command import run_main
from sharploss.utils.files import sha256, write_bytes

STUDY = "benchmark"
NETWORKS = {"edsr_x4_l1": "sr_x4-edsr-l1-h100-s0", "edsr_x4_sploss": "sr_x4-edsr-sploss-h100-s0"}


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    from safetensors.torch import save

    from sharploss.assets.catalogue import ASSETS
    from sharploss.training.checkpoint import read_metadata, read_weights
    from sharploss.utils.checksum import add_checksum

    params, files = load_study_params(STUDY), paths(STUDY)
    runs = expand(params)["runs"]
    for name, key in NETWORKS.items():
        run = runs[key]
        path = files.weights(run["group"], key)
        said, learnt = read_metadata(path), params.tasks[run["task"]].train
        metadata = {name: said[name] for name in ("key", "status", "config")} | {
            "study": STUDY,
            "recipe": run["recipe"],
            "float32_sha256": sha256(path),
            "training_data": json.dumps({name: ASSETS[name].licence for name in learnt}, sort_keys=True),
        }
        half = {name: tensor.half() for name, tensor in read_weights(path).items()}
        target = files.flagship_weights(name)
        write_bytes(target, add_checksum(save(half, metadata=metadata)))
        print(f"{target}: {target.stat().st_size} bytes")


if __name__ == "__main__":
    run_main(main)
