"""A process that trains in processes of its own and kills them: all is imported once, every run is a fresh fork.

Reads a job a line from standard input (JSON), answers a line each. A job: `kind` (plain or adversarial), `packs` and
`scratch` (folders), `weights` (the file to write at the end), and `kill`: None, or {phase, count, delay}: the kill
comes `delay` seconds after the phase (any, checkpoint, validation) began for the count-th time. The answer: `status` of
waitpid, and the `phase` the process was in when it was killed.
"""

import json
import mmap
import os
import signal
import sys
import time
from pathlib import Path

import torch
import torch._dynamo
import torch._inductor.config

sys.path.append(str(Path(__file__).parents[1]))  # it is started as a script

from sharploss.training import checkpoint, loop
from sharploss.training.checkpoint import save_weights
from sharploss.utils.files import atomic_path
from toy_training import configuration, open_packs, typed

PHASES = ("any", "checkpoint", "validation")
JUDGED = {"l1": 1, "ragan": {"weight": 0.01, "discriminator": "sharpgan", "width": 2, "size": 16}}


def config_of(kind):
    config = configuration(steps=24)
    return {**config, "loss": JUDGED} if kind == "adversarial" else config


def watched(board, phase, call):
    """Wrap a function so that `board` says that it runs: [0] the phase, [1 + phase] how often it began."""

    def wrapped(*given, **named):
        board[1 + phase] += 1
        board[0] = phase
        try:
            return call(*given, **named)
        finally:
            board[0] = 0

    return wrapped


def slow_write(path, content):
    """Write as write_bytes does, on a disk that takes 40 ms."""
    with atomic_path(path) as temporary, temporary.open("wb", buffering=0) as file:
        for start in range(0, len(content), len(content) // 8 + 1):
            file.write(content[start : start + len(content) // 8 + 1])
            time.sleep(0.005)


def slow_validate(*given, validate=loop.validate, **named):
    time.sleep(0.02)
    value = validate(*given, **named)
    time.sleep(0.02)
    return value


def train(job, board):
    checkpoint.write_bytes = watched(board, 1, slow_write)
    loop.validate = watched(board, 2, slow_validate)
    board[1] = 1
    packs = open_packs(Path(job["packs"]))
    outcome = loop.train(typed(config_of(job["kind"])), packs, scratch=Path(job["scratch"]), device=torch.device("cpu"))
    save_weights(Path(job["weights"]), outcome.network, {"status": outcome.status})
    if outcome.state.discriminator:
        save_weights(Path(job["weights"] + ".judge"), outcome.state.discriminator, {})


def do(job):
    board = mmap.mmap(-1, 16)  # shared with the child
    child = os.fork()
    if child == 0:
        code = 1
        try:
            train(job, board)
            code = 0
        finally:
            os._exit(code)
    killed_in = None
    if job["kill"]:
        phase = PHASES.index(job["kill"]["phase"])
        while (
            board[1 + phase] < job["kill"]["count"]
            and os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        ):
            time.sleep(0.0005)
        time.sleep(job["kill"]["delay"])
        os.kill(child, signal.Signals[job["kill"].get("signal", "SIGKILL")])
        killed_in = PHASES[board[0]]
    return {"status": os.waitpid(child, 0)[1], "phase": killed_in}


if __name__ == "__main__":
    torch.set_num_threads(1)
    for line in sys.stdin:
        print(json.dumps(do(json.loads(line))), flush=True)
