"""Weights & Biases as a sink: a process of its own follows the record of a run and tells W&B.

Nothing W&B does, or fails to do, can reach the training: there is no pipe that could fill, no call that could hang, no
exception that could propagate. The record is complete without it and can be replayed at any time.
"""

import contextlib
import json
import netrc
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlparse

GRACE = 120  # seconds W&B has to finish after the training has ended


def mode() -> str:
    """Give W&B's mode: WANDB_MODE when set, else online for a user who is logged in, else offline."""
    return os.environ.get("WANDB_MODE") or ("online" if _logged_in() else "offline")


def _logged_in() -> bool:
    host = urlparse(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname or ""
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        return netrc.netrc().authenticators(host) is not None
    except (OSError, netrc.NetrcParseError):
        return False


def describe(key: str, run: dict[str, Any], config: dict[str, Any], identity: str, study: str) -> dict[str, Any]:
    """Say what wandb.init needs to know of a run; the id is the same whenever the same configuration is trained."""
    tags = [study, run["task"], run["network"], run["loss"], *(f"suite:{suite}" for suite in run["suites"])]
    return {
        "id": f"{key}-{identity}",
        "name": key,
        "project": os.environ.get("WANDB_PROJECT", "sharploss"),
        "group": run["group"],
        "job_type": "train",
        "tags": tags,
        "config": {**config, "study": study, "key": key},
    }


def follow(record: Path, description: dict[str, Any]) -> subprocess.Popen[bytes] | None:
    """Start the process that follows `record` until this process has ended; give None when there is to be none.

    Its standard input is a pipe nobody writes to: the end of this process closes it, however it ends.
    """
    if mode() == "disabled":
        return None
    command = [sys.executable, "-m", "sharploss.tracking", str(record.resolve()), json.dumps(description)]
    with contextlib.suppress(OSError):
        return subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
    return None


def flatten(line: dict[str, Any]) -> dict[str, Any]:
    """Turn a line of the record into W&B's flat names: `train/total`, `train/terms/gv`, `validation/psnr_y`."""
    event = line["event"]
    flat: dict[str, Any] = {}
    for name, value in line.items():
        if isinstance(value, dict):
            flat |= {f"{event}/{name}/{part}": number for part, number in value.items()}  # pyright: ignore[reportUnknownVariableType]
        elif name not in ("event", "step"):
            flat[f"{event}/{name}"] = value
    return flat


def replay(lines: Iterator[dict[str, Any]], description: dict[str, Any]) -> None:
    """Tell W&B a whole run, line by line; blocks until `lines` ends and W&B has it."""
    if not os.environ.get("WANDB_MODE"):
        os.environ.pop("WANDB_MODE", None)  # W&B takes an empty one for a mode it does not know
    import wandb

    # No console capture and no system metrics: both start threads, and the record has what matters.
    settings = wandb.Settings(console="off", silent=True, disable_git=True, init_timeout=60, x_disable_stats=True)
    with wandb.init(**description, mode=mode(), resume="allow", settings=settings) as run:  # pyright: ignore[reportArgumentType]
        for line in lines:
            # W&B ignores steps it already has, which makes a replay safe to repeat.
            run.log(flatten(line), step=line["step"])


def read_growing(path: Path, ended: threading.Event, pause: float = 0.2) -> Iterator[dict[str, Any]]:
    """Yield the lines of a growing record, until it has ended and everything in it was read."""
    with path.open("rb") as file:
        while True:
            last = ended.is_set()
            yield from _whole_lines(file)
            if last:
                return
            time.sleep(pause)


def _whole_lines(file: BinaryIO) -> Iterator[dict[str, Any]]:
    while True:
        start = file.tell()
        line = file.readline()
        if not line.endswith(b"\n"):
            file.seek(start)
            return
        yield json.loads(line)


def _watch_parent(ended: threading.Event) -> None:
    sys.stdin.buffer.read()
    ended.set()
    time.sleep(GRACE)
    os._exit(1)  # W&B hangs: nobody waits for this process, and it must not stay for ever


def main() -> None:
    """Follow a record: `python -m sharploss.tracking RECORD DESCRIPTION`, started by `follow`."""
    os.nice(10)
    ended = threading.Event()
    threading.Thread(target=_watch_parent, args=(ended,), daemon=True).start()
    replay(read_growing(Path(sys.argv[1]), ended), json.loads(sys.argv[2]))


if __name__ == "__main__":
    main()
