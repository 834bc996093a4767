"""Weights & Biases as a sink: a process of its own follows the records of a process's trainings and sends them.

Nothing W&B does, or fails to do, can reach the training, and the record is complete without it and can be replayed at
any time (`sharploss.tracking.publish`). A line of the record is sent once: see `lines_sent`.
"""

import contextlib
import hashlib
import json
import netrc
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from queue import Queue
from subprocess import DEVNULL, PIPE
from typing import Any, BinaryIO
from urllib.parse import urlparse

from sharploss.record.paths import WANDB_LOG, ScratchFiles, picture_files
from sharploss.utils.files import write_json

# What W&B takes, in characters. It names the artifact of a run's table `run-<id>-scores`.
TAG, NAME, ARTIFACT = 64, 128, 128
ID = ARTIFACT - len("run-") - len("-scores")
FORBIDDEN = "/\\#?%:\r\n"  # in the names of projects and teams
GRACE = 120  # seconds W&B has to finish after the training has ended
SENT = "sharploss-sent.txt"  # in the folder of a W&B run: the first and the last + 1 line of the record that it holds
VALUES = "sharploss-values.json"  # there, too: the run's study, key and tags, and the names of all that was sent of it
PICTURES = "validation/pictures"
_followers: list[subprocess.Popen[bytes]] = []  # the one of this process, whose pipe has to stay open


def mode() -> str:
    """Return WANDB_MODE when set, else online for a user who is logged in, else offline."""
    return os.environ.get("WANDB_MODE") or ("online" if logged_in() else "offline")


def is_offline() -> bool:
    """Return whether W&B writes files instead of calling its server; "dryrun" is its old word for it."""
    return mode() in ("offline", "dryrun")


def files_folder() -> Path:
    """Return the folder in which W&B keeps a folder per run."""
    root = Path(os.environ.get("WANDB_DIR") or ".")
    return root / (".wandb" if (root / ".wandb").is_dir() else "wandb")


def logged_in() -> bool:
    """Return whether W&B would find a key for its server: in WANDB_API_KEY, or in NETRC's file or ~/.netrc."""
    if os.environ.get("WANDB_API_KEY"):
        return True
    try:
        host = urlparse(os.environ.get("WANDB_BASE_URL", "https://api.wandb.ai")).hostname or ""
        return netrc.netrc(os.environ.get("NETRC") or None).authenticators(host) is not None
    except (OSError, ValueError, netrc.NetrcParseError):  # ValueError: no address, or a file that is not UTF-8
        return False


def shorten(name: str, limit: int) -> str:
    """Return `name`, the end of one that is longer than `limit` characters replaced by a hash of the whole."""
    return name if len(name) <= limit else f"{name[: limit - 9]}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def suite_tag(suite: str) -> str:
    """Return the tag of a suite's runs."""
    return shorten(f"suite:{suite}", TAG)


def project() -> str:
    """Return the name of the project: WANDB_PROJECT when set."""
    return os.environ.get("WANDB_PROJECT", "").strip() or "sharploss"


def wrong_project() -> str | None:
    """Return what W&B does not accept of the names of project and team; None when they are right."""
    for variable, name in (("WANDB_PROJECT", project()), ("WANDB_ENTITY", os.environ.get("WANDB_ENTITY", ""))):
        wrong = next((character for character in name if character in FORBIDDEN), None)
        if wrong is not None:
            return (
                f"{variable} is {name!r}, and such a name cannot have {wrong!r}: WANDB_ENTITY names the team, and "
                "WANDB_PROJECT the project."
            )
        if len(name) > NAME:
            return f"{variable} has {len(name)} characters, and W&B takes {NAME}: shorten it."
    return None


def wandb_settings(
    key: str, run: Mapping[str, Any], config: dict[str, Any], identity: str, study: str
) -> dict[str, Any]:
    """Return what wandb.init needs of a run; the id is the same whenever the same configuration is trained.

    What runs are compared by are flat values of its configuration, all that it was trained with is under `settings`.
    W&B groups runs by one name, the loss; a tag names each suite.
    """
    tags = [study, run["task"], run["network"], run["loss"], *map(suite_tag, run["suites"])]
    names = {name: run[name] for name in ("task", "network", "loss", "recipe", "seed")}
    return {
        "id": f"{shorten(key, ID - len(identity) - 1)}-{identity}",
        "name": shorten(key, NAME),
        "project": project(),
        "group": shorten(run["loss"], NAME),
        "job_type": "train",
        "tags": list(dict.fromkeys(shorten(tag, TAG) for tag in tags)),
        "config": {"study": study, "key": key, **names, **_terms(config.get("loss", {})), "settings": config},
    }


def _terms(loss: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """Return the weight of each term of a loss as "weight_<term>", and SPLoss's alpha."""
    weights = {f"weight_{term}": settings["weight"] for term, settings in loss.items()}
    return weights | {name: value for settings in loss.values() for name, value in settings.items() if name == "alpha"}


def start(record: Path, description: dict[str, Any]) -> Path | None:
    """Follow `record` until `finish`, or the end of this process; return the folder for pictures, if any.

    The folder is the follower's, which takes the pictures out of it and removes it in the end.
    """
    if mode() == "disabled":
        return None
    if wrong := wrong_project():
        print(f"W&B gets nothing of this training: {wrong}", file=sys.stderr)
        return None
    pictures = None
    try:
        pictures = Path(tempfile.mkdtemp(prefix="sharploss-pictures-"))
        if not any(_reuse(follower, record, description, pictures) for follower in _followers):
            _followers[:] = [follow(record, description, pictures)]
    except OSError as error:  # no space, too many processes
        _note(description["config"]["key"], error)
        if pictures is not None:
            shutil.rmtree(pictures, ignore_errors=True)
        return None
    return pictures


def finish() -> None:
    """Report to the follower that its training has ended: this process may go on with others."""
    for follower in _followers:
        _send(follower, "")


def _reuse(follower: subprocess.Popen[bytes], record: Path, description: dict[str, Any], pictures: Path) -> bool:
    """Send a follower another record, under a name that stays; return whether that was possible."""
    name = ScratchFiles(record.parent).link(pictures.name)
    with contextlib.suppress(OSError):  # a file system without hard links: it is given a follower of its own
        os.link(record, name)
        if _send(follower, json.dumps([str(name.absolute()), description, str(pictures)])):
            return True
        name.unlink()
    return False


def _send(follower: subprocess.Popen[bytes], line: str) -> bool:
    """Write a line to a follower, which is never waited for."""
    assert follower.stdin is not None
    text, pipe = f"{line}\n".encode(), follower.stdin.fileno()
    with contextlib.suppress(OSError):  # it is gone, or has read nothing for long
        os.set_blocking(pipe, False)
        return follower.poll() is None and os.write(pipe, text) == len(text)
    return False


def follow(record: Path, description: dict[str, Any], pictures: Path | None = None) -> subprocess.Popen[bytes]:
    """Start the process that follows `record` until this process has ended, or says that the training has.

    Its standard input is a pipe: the end of this process closes it, however it ends. The record is handed over open: a
    short training is over, and its folder gone, before W&B is imported.
    """
    with record.open("rb") as file:
        program = [sys.executable, "-P", "-m", "sharploss.tracking.follower"]
        command = [*program, str(file.fileno()), json.dumps(description)]
        command += [str(pictures)] if pictures else []
        return subprocess.Popen(
            command, stdin=PIPE, stdout=DEVNULL, stderr=DEVNULL, start_new_session=True, pass_fds=[file.fileno()]
        )


def flatten(line: Mapping[str, Any]) -> dict[str, Any]:
    """Turn a line of the record into W&B's flat names: `train/total`, `train/terms/gv`, `validation/psnr_y`."""
    return flat(line["event"], {name: value for name, value in line.items() if name not in ("event", "step")})


def flat(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested values by flat names, those that are None left out."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found |= flat(f"{prefix}/{name}", value)  # pyright: ignore[reportUnknownArgumentType]
        elif value is not None:
            found[f"{prefix}/{name}"] = value
    return found


@contextlib.contextmanager
def replay(
    lines: Iterable[dict[str, Any]], description: dict[str, Any], pictures: Path | None = None
) -> Generator[tuple[Any, Path, list[str]]]:
    """Send a run's whole record to W&B; safe to repeat. Then yield its run, the folder that W&B keeps of it, and names.

    These are of all values that were sent, "config/<name>" of its configuration; what the block sends is to be added.

    Leaving the block waits until W&B has it all; W&B raises errors of many classes. `pictures` is the folder in which a
    training leaves those of its validations.
    """
    import wandb

    # No console capture and no system metrics: both start threads, and the record has what matters.
    settings = wandb.Settings(console="off", silent=True, disable_git=True, init_timeout=60, x_disable_stats=True)
    with wandb.init(**description, mode=mode(), resume="allow", settings=settings) as run:  # pyright: ignore[reportArgumentType]
        folder = Path(run.dir).parent
        # Online, W&B says how far it has got; offline, what earlier folders hold does.
        first = lines_sent(folder.parent, description["id"]) if run.offline else 0
        known, about = run.starting_step, description["config"]
        names = dict.fromkeys(f"config/{name}" for name in about)
        _mark(folder, first, first)
        for index, line in enumerate(lines):
            values = flatten(line)
            if index >= first and line["step"] >= known:
                values |= _pictures(pictures, line)
                run.log(values, step=line["step"])
                _mark(folder, first, index + 1)
            names |= dict.fromkeys(values)
        sent = [*names]
        yield run, folder, sent
        write_json(
            folder / VALUES, {"study": about["study"], "key": about["key"], "tags": description["tags"], "names": sent}
        )


def lines_sent(folder: Path, identity: str) -> int:
    """Return how many lines of a run's record the W&B files in `folder` hold already, those of earlier replays.

    `wandb sync` appends one folder of a run to the other: it keeps the steps that come later, and gives steps that it
    has already the numbers after the last one, so that a curve sent twice would be there twice (wandb 0.31).
    """
    return max((last for _, _, last in run_folders(folder, identity)), default=0)


def run_folders(folder: Path, identity: str) -> list[tuple[Path, int, int]]:
    """List the folders in which W&B keeps a run: each with the first and the last + 1 line of the record it holds."""
    marks = sorted(folder.glob(f"*run-????????_??????-{identity}/{SENT}"))
    return [(mark.parent, *map(int, mark.read_text().split())) for mark in marks]  # pyright: ignore[reportReturnType]


def is_unsent(folder: Path) -> bool:
    """Return whether a run's folder was written offline, and `wandb sync` has not sent it."""
    return folder.name.startswith("offline-") and not any(folder.glob("*.wandb.synced"))


def _mark(folder: Path, first: int, last: int) -> None:
    """Note which lines a folder holds; a process that is killed leaves the note before."""
    new = folder / f"{SENT}.new"
    new.write_text(f"{first} {last}")
    new.replace(folder / SENT)


def _pictures(folder: Path | None, line: dict[str, Any]) -> dict[str, Any]:
    """Take the pictures of a validation out of the folder that the training leaves them in."""
    if folder is None or line["event"] != "validation":
        return {}
    import numpy as np
    import wandb

    pictures = picture_files(folder, line["step"])
    found = [wandb.Image(np.load(path), caption=name) for path, name in pictures.items()]
    for path in pictures:
        path.unlink()
    return {PICTURES: found} if found else {}


def read_growing(file: BinaryIO, ended: threading.Event, pause: float = 0.2) -> Iterator[dict[str, Any]]:
    """Yield the whole lines of a growing record, until it has ended and everything in it was read."""
    while True:
        last, start = ended.is_set(), file.tell()
        while (line := file.readline()).endswith(b"\n"):
            yield json.loads(line)
            start = file.tell()
        if last:
            return
        file.seek(start)
        time.sleep(pause)


@dataclass
class Followed:
    """A training whose record is followed."""

    record: BinaryIO
    description: dict[str, Any]
    pictures: Path | None = None
    ended: threading.Event = field(default_factory=threading.Event)  # the training has
    sent: threading.Event = field(default_factory=threading.Event)

    def end(self, error: Exception | None = None) -> None:
        """Note that W&B has all that it will get."""
        self.sent.set()
        if error is not None:
            _note(self.description["config"]["key"], error)
        if self.pictures is not None:
            shutil.rmtree(self.pictures, ignore_errors=True)


def _listen(current: Followed, waiting: "Queue[Followed | None]") -> None:
    """Read from the training process that a training has ended, and which is the next."""
    text = b""
    while more := os.read(0, 65536):  # not sys.stdin, whose lock would abort this process when W&B raises
        *lines, text = (text + more).split(b"\n")
        for line in lines:
            current.ended.set()
            if line:
                name, description, pictures = json.loads(line)
                current = Followed(Path(name).open("rb"), description, Path(pictures))  # noqa: SIM115
                Path(name).unlink()
                waiting.put(current)
    current.ended.set()
    waiting.put(None)


def _give_up(current: Followed, waiting: "Queue[Followed | None]") -> None:
    """End this process where W&B hangs: nobody waits for it, and it must not stay for ever."""
    current.ended.wait()
    if not current.sent.wait(GRACE):
        late = [current, *(other for other in waiting.queue if other)]
        for other in late:
            other.end(TimeoutError(f"no end {GRACE} s after the training's"))
        os._exit(1)


def main() -> None:
    """Follow the record that is open as a descriptor: `... follower DESCRIPTOR DESCRIPTION [PICTURES]` (`follow`)."""
    os.nice(19)
    if hasattr(os, "SCHED_IDLE"):  # no training waits for a process that runs only when a processor is idle
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
    record, description, *rest = sys.argv[1:]
    pictures = Path(rest[0]) if rest else None
    current: Followed | None = Followed(os.fdopen(int(record), "rb"), json.loads(description), pictures)
    waiting, failed = Queue["Followed | None"](), False
    threading.Thread(target=_listen, args=(current, waiting), daemon=True).start()
    while current is not None:
        threading.Thread(target=_give_up, args=(current, waiting), daemon=True).start()
        error = None
        try:
            lines = read_growing(current.record, current.ended)
            with current.record, replay(lines, current.description, current.pictures):
                pass
        except Exception as reason:  # W&B's, of many classes
            error, failed = reason, True
        current.end(error)
        current = waiting.get()
    if failed:
        sys.exit(1)


def one_line(error: Exception) -> str:
    """Return an exception of W&B's, which raises all sorts, as part of a sentence."""
    return " ".join(str(error).split())[:300] or type(error).__name__


def _note(key: str, error: Exception) -> None:
    """Write down where the training ran that W&B has not got all of it: nobody reads what this process prints."""
    with contextlib.suppress(OSError), WANDB_LOG.open("a", encoding="utf-8") as log:
        now = time.strftime("%Y-%m-%d %H:%M:%S")
        print(f"{now} {key} ({one_line(error)}): 'python -m sharploss publish {key}' sends it.", file=log)


if __name__ == "__main__":
    main()
