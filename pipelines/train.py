"""Train one run of runs.yaml, or go on with it where it was stopped."""

import argparse
import json
import os
import shutil
import sys
from pathlib import Path

from sharploss.config.params import load_params
from sharploss.config.run_config import resolve_run
from sharploss.planning.check_runs import check_run
from sharploss.planning.plan import NOTHING, find_run, load_plan
from sharploss.planning.stage_files import check_settings, run_settings
from sharploss.record.paths import paths
from sharploss.record.run import save_run, summarise
from sharploss.tracking import follower as tracking
from sharploss.utils.errors import run_main
from sharploss.utils.files import check_writable, sha256, write_text


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", help="a key of runs.yaml, such as sr_x4-edsr-sploss-s0")
    key = parser.parse_args().run
    params, run = load_params(), find_run(load_plan(), key)
    files = paths(params.study)
    several = int(os.environ.get("SHARPLOSS_PROCESSES", "1"))
    if several > 1 and "WORLD_SIZE" not in os.environ:
        # DVC's command stays the same on one GPU and on eight: it is this process that becomes torchrun.
        torchrun = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={several}"]
        os.execv(sys.executable, [sys.executable, *torchrun, *sys.argv])

    # torch takes seconds to import, so what needs it comes after what can fail fast.
    from sharploss.assets.fetch import AssetMissingError
    from sharploss.data.pack import open_pack
    from sharploss.training.checkpoint import alone, config_hash, read_metadata, save_weights
    from sharploss.training.device import choose_device, set_mode
    from sharploss.training.interrupt import EXIT_CODE
    from sharploss.training.loop import not_trained, train
    from sharploss.training.processes import join
    from sharploss.training.record import circumstances, make_record
    from sharploss.training.state import with_defaults

    # What `plan` has checked, with the processes that share a batch; params.yaml may have changed since.
    check_run(params, run, world=int(os.environ.get("WORLD_SIZE", "1")))
    config = with_defaults(resolve_run(params, run))
    settings = config.model_dump(mode="json")
    packs = {role: open_pack(files.pack(run["task"], role), verify=True) for role in ("train", "validation")}
    start = None if run["start"] == NOTHING else Path(run["start"])
    used = {
        "packs": {role: pack.sha256 for role, pack in packs.items()},
        "code": check_settings(files.run_settings(key), run_settings(params, run))["code"],
        "weights": files.loss_receipts(run["loss"]).read_text(),
        "start": sha256(start) if start else None,
        "extractor": None if run["extractor"] == NOTHING else sha256(run["extractor"]),
    }
    identity = config_hash({**settings, **used})
    scratch = Path(".scratch") / f"{key}-{identity}"
    description = tracking.wandb_settings(key, run, settings, identity, params.study)

    with join() as group, alone(scratch, group.is_main):
        # What the record needs at the end is known, or found missing, before the first step.
        check_writable(files.weights(run["group"], key), *files.run(key))
        set_mode(config.recipe.mode)
        device, cure = choose_device(), ""
        made_from = {name: used[name] for name in ("packs", "start", "extractor")}
        origin = {**circumstances(device), "processes": group.world, "identity": identity, **made_from}
        try:
            if start and read_metadata(start)["status"] != "finished":
                raise AssetMissingError(run["start"], f"the run it starts from ({start.stem}) has no trained weights")
            result = train(
                config,
                packs,
                scratch=scratch,
                device=device,
                title=key,
                start=start,
                on_start=lambda record: tracking.start(record, description),
            )
        except AssetMissingError as error:
            if not group.is_main:
                return 0
            result, cure = not_trained(config, scratch, error.reason), error.cure
        if result.status == "stopped":
            print(f"{key}: stopped at step {result.step}: run the same command again to go on.", file=sys.stderr)
            return EXIT_CODE
        if not group.is_main:
            return 0
        metadata = {"key": key, "status": result.status, "config": json.dumps(settings, sort_keys=True)}
        save_weights(files.weights(run["group"], key), result.network, metadata)
        write_text(files.run(key).history, (scratch / "history.jsonl").read_text(encoding="utf-8"))
        record = make_record(key, config, result, origin, cure=cure)
        save_run(files.run(key), record)
        shutil.rmtree(scratch)
    print(summarise(record))
    return 0


if __name__ == "__main__":
    run_main(main, at_once=True)
