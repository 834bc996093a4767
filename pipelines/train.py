"""Train one run of runs.yaml, or go on with it where it was stopped."""

import argparse
import json
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

from sharploss import tracking
from sharploss.errors import run_main
from sharploss.files import write_json, write_text
from sharploss.params import load_params, resolve_run
from sharploss.plan import find_run, load_plan


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", help="a key of runs.yaml, such as sr_x4-edsr-sploss-s0")
    key = parser.parse_args().run
    params, run = load_params(), find_run(load_plan(), key)

    # torch takes seconds to import, so what needs it comes after what can fail fast.
    from sharploss.data.pack import open_pack
    from sharploss.losses import build_loss
    from sharploss.training.checkpoint import config_hash, save_weights
    from sharploss.training.device import choose_device
    from sharploss.training.interrupt import EXIT_CODE
    from sharploss.training.loop import train
    from sharploss.training.record import metrics, provenance, summary

    config = resolve_run(params, run)
    config["loss"] = build_loss(config["loss"]).spec
    packs = {
        role: open_pack(Path("data/packed") / run["task"] / f"{role}.safetensors", verify=True)
        for role in ("train", "validation")
    }
    code = {
        part: Path(f"data/code/{part}.txt").read_text()
        for part in ("train", f"network-{run['network']}", f"loss-{run['loss']}")
    }
    identity = config_hash({**config, "packs": {role: pack.sha256 for role, pack in packs.items()}, "code": code})
    scratch = Path(".scratch") / f"{key}-{identity}"
    description = tracking.describe(key, run, config, identity, params.study)

    started = datetime.now(UTC)
    device = choose_device()
    outcome = train(
        config,
        packs,
        scratch=scratch,
        device=device,
        title=key,
        on_start=lambda record: tracking.follow(record, description),
    )
    if outcome.status == "stopped":
        print(
            f"{key}: stopped at step {outcome.step}: run the same command again to go on from there.", file=sys.stderr
        )
        return EXIT_CODE
    folder = Path("results/runs") / key
    metadata = {"key": key, "status": outcome.status, "config": json.dumps(config, sort_keys=True)}
    save_weights(Path("results/weights") / run["group"] / f"{key}.safetensors", outcome.network, metadata)
    write_text(folder / "history.jsonl", (scratch / "history.jsonl").read_text(encoding="utf-8"))
    write_json(folder / "provenance.json", provenance(config, outcome, device, started))
    write_json(folder / "metrics.json", metrics(outcome))
    shutil.rmtree(scratch)
    print(summary(key, outcome))
    return 0


if __name__ == "__main__":
    run_main(main)
