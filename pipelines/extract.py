"""Train the discriminators of an MDF loss from one image, or go on with them where it was stopped."""

import argparse
import json
import shutil
import sys

from sharploss.config.extractors import Extractor
from sharploss.config.params import Params, check_unchanged, load_params
from sharploss.config.tasks import Task
from sharploss.record.history import copy_history
from sharploss.record.keys import extractor_key
from sharploss.record.paths import ScratchFiles, paths, scratch_folder
from sharploss.record.run import save_extractor
from sharploss.utils.command import run_main
from sharploss.utils.errors import unknown
from sharploss.utils.files import check_writable


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("extractor", help="a name under `extractors` in params.yaml")
    name = parser.parse_args().extractor
    params = load_params()
    files = paths(params.study)
    extractor, task = choose(name, params)

    # torch takes seconds to import, so what needs it comes after what can fail fast.
    from sharploss.mdf.pyramid import load_image
    from sharploss.planning.stage_files import check_code
    from sharploss.training.checkpoint import config_hash, save_weights
    from sharploss.training.device import choose_device, set_mode
    from sharploss.training.extractor import train_extractor
    from sharploss.training.interrupt import EXIT_CODE
    from sharploss.training.record import describe_start

    image, sum_ = load_image(extractor.image, params.datasets)
    config = {
        "extractor": extractor.model_dump(mode="json"),
        "task": task.model_dump(mode="json"),
        "image_sha256": sum_,
    }
    made_from = config_hash({**config, "code": check_code("extract", files)})
    scratch = scratch_folder(extractor_key(name), made_from)

    set_mode("exact")
    device, record, weights = choose_device(), files.extractor(name), files.extractor_weights(name)
    check_writable(weights, record.history, record.provenance)
    origin = describe_start(device)
    result = train_extractor(extractor, task, image, scratch=scratch, device=device, title=name)
    if result.status == "stopped":
        scale = len(result.discriminators)
        print(f"{name}: stopped at scale {scale}: run the same command again to do it anew.", file=sys.stderr)
        return EXIT_CODE
    save_weights(weights, result.discriminators, {"key": name, "config": json.dumps(config)})
    copy_history(ScratchFiles(scratch).history, record.history)
    check_unchanged(params, extractor.task, name)
    save_extractor(record, origin, result.seconds, config)
    shutil.rmtree(scratch)
    print(f"{name}: {len(result.discriminators)} discriminators in {result.seconds:.1f} s")
    return 0


def choose(name: str, params: Params) -> tuple[Extractor, Task]:
    """Find an extractor and its task.

    Raises:
        UserError: there is no such extractor.
    """
    if name not in params.extractors:
        raise unknown("extractor", name, params.extractors)
    extractor = params.extractors[name]
    return extractor, params.tasks[extractor.task]


if __name__ == "__main__":
    run_main(main, at_once=True)
