"""Train one run of runs.yaml and write its results: what DVC's stage does, and what a worker does run after run."""

import json
import os
import shutil
import sys
from collections.abc import Iterable
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from sharploss.config.params import load_params
from sharploss.config.run_config import resolve_run
from sharploss.planning.check_runs import check_run
from sharploss.planning.plan import NOTHING, find_run, load_plan
from sharploss.planning.progress import print_progress
from sharploss.planning.stage_files import check_settings, run_settings
from sharploss.record.history import copy_history
from sharploss.record.paths import ScratchFiles, key_of, paths, scratch_folder
from sharploss.record.run import save_run, summarise
from sharploss.tracking import follower as tracking
from sharploss.utils.files import check_writable, read_json, sha256, write_json


def stamps(files: Iterable[Path]) -> dict[str, list[int]]:
    """Return time of change and size of files, by which DVC too tells whether one was changed."""
    return {str(path): [path.stat().st_mtime_ns, path.stat().st_size] for path in files}


@lru_cache(maxsize=4)
def _open_pack(path: Path, stamp: str) -> Any:  # noqa: ARG001 - with another stamp it is another file
    """Open a pack once as long as its file stays: its pixels stay on the device from one run to the next."""
    from sharploss.data.pack import open_pack

    return open_pack(path, verify=True)


def train_run(  # noqa: PLR0915 - from what it reads to what it writes, in order
    key: str, *, keep: bool = False
) -> tuple[int, dict[str, Any]]:
    """Train a run, or go on with it; return the exit code, stamps of what was `read`, and its `scratch` folder.

    With `keep` that folder stays, with the sha256 of the results, until DVC has recorded them.
    """
    params, plan = load_params(), load_plan()
    run = find_run(plan, key)
    files = paths(params.study)
    start = None if run["start"] == NOTHING else Path(run["start"])
    sources = [files.run_settings(key), files.loss_receipts(run["loss"])]
    sources += [Path(run[name]) for name in ("start", "extractor") if run[name] != NOTHING]
    pack_files = {role: files.pack(run["task"], role) for role in ("train", "validation")}

    # torch takes seconds to import, so what needs it comes after what can fail fast.
    from sharploss.training.checkpoint import alone, config_hash, read_metadata, save_weights
    from sharploss.training.device import choose_device, set_mode
    from sharploss.training.interrupt import EXIT_CODE
    from sharploss.training.loop import not_trained, train
    from sharploss.training.processes import join
    from sharploss.training.record import describe_start, make_record
    from sharploss.training.state import with_defaults
    from sharploss.utils.errors import AssetMissingError

    # What `plan` has checked, with the processes that share a batch; params.yaml may have changed since.
    check_run(params, run, world=int(os.environ.get("WORLD_SIZE", "1")))
    config = with_defaults(resolve_run(params, run))
    settings = config.model_dump(mode="json")
    read = stamps(path for path in (*sources, *pack_files.values()) if path.exists())
    packs = {role: _open_pack(path, str(read.get(str(path)))) for role, path in pack_files.items()}
    used = {
        "packs": {role: pack.sha256 for role, pack in packs.items()},
        "code": check_settings(files.run_settings(key), run_settings(params, run))["code"],
        "weights": files.loss_receipts(run["loss"]).read_text(),
        "start": sha256(start) if start else None,
        "extractor": None if run["extractor"] == NOTHING else sha256(run["extractor"]),
    }
    identity = config_hash({**settings, **used})
    scratch = scratch_folder(key, identity)
    description = tracking.wandb_settings(key, run, settings, identity, params.study)
    weights, results = files.weights(run["group"], key), files.run(key)
    about = {"read": read, "scratch": str(scratch)}

    with join() as group, alone(scratch, group.is_main):
        note = ScratchFiles(scratch).results
        done = read_json(note) if keep and note.is_file() else {}
        if done and all(Path(path).is_file() and sha256(path) == digest for path, digest in done.items()):
            print(f"{key}: trained before, and as it was left")
            return 0, about
        # What the record needs at the end is known, or found missing, before the first step.
        check_writable(weights, *results)
        set_mode(config.recipe.mode)
        device, cure = choose_device(), ""
        made_from = {name: used[name] for name in ("packs", "start", "extractor")}
        origin = {**describe_start(device), "processes": group.world, "identity": identity, **made_from}
        print_progress(params, plan, key, aloud=group.is_main)
        try:
            if start and read_metadata(start)["status"] != "finished":
                raise AssetMissingError(
                    run["start"], f"the run it starts from ({key_of(start)}) has no trained weights"
                )
            follow = partial(tracking.start, description=description)
            result = train(config, packs, scratch=scratch, device=device, title=key, start=start, on_start=follow)
        except AssetMissingError as error:
            if not group.is_main:
                return 0, about
            result, cure = not_trained(config, scratch, error.reason), error.cure
        finally:
            tracking.finish()
        if result.status == "stopped":
            print(f"{key}: stopped at step {result.step}: run the same command again to go on.", file=sys.stderr)
            return EXIT_CODE, about
        if not group.is_main:
            return 0, about
        metadata = {"key": key, "status": result.status, "config": json.dumps(settings, sort_keys=True)}
        save_weights(weights, result.network, metadata)
        copy_history(ScratchFiles(scratch).history, results.history)
        record = make_record(key, config, result, origin, cure=cure)
        save_run(results, record)
        if keep:
            write_json(note, {str(path): sha256(path) for path in (weights, *results)})
        else:
            shutil.rmtree(scratch)
    print(summarise(record))
    return 0, about
