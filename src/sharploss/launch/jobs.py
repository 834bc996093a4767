"""What there is to train: the runs that DVC calls stale, what each waits for, and how long it will take."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sharploss.config.params import Params
from sharploss.config.run_config import resolve_run
from sharploss.planning.plan import NOTHING, Plan
from sharploss.record.keys import train_stage
from sharploss.utils.errors import UserError

DVC = (sys.executable, "-m", "dvc", "--wait-for-lock")


@dataclass(frozen=True)
class Job:
    """One run to train.

    `after` is the run whose weights it starts from, where that is to be trained too; `steps` of the optimiser in all;
    `seconds` predicted for them;
    `study` whose it is.
    """

    key: str
    after: str | None
    steps: int
    seconds: float
    study: str = ""


def stale_runs(plan: Plan) -> set[str]:
    """Ask DVC which runs are stale; a run that starts from a stale one is too.

    Raises:
        UserError: DVC fails; the message gives its last line.
    """
    done = subprocess.run([*DVC, "status", "--json"], capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise UserError(f"dvc status failed ({reason}): put that right and run the same command again.")
    status: dict[str, Any] = json.loads(done.stdout)
    stale = {key for key in plan["runs"] if train_stage(plan["study"], key) in status}
    return with_followers(plan, stale)


def with_followers(plan: Plan, stale: set[str]) -> set[str]:
    """Add the runs that start from those in `stale`, and those that start from these."""
    while True:
        added = {key for key in plan["runs"] if starts_from(plan, key) in stale} - stale
        if not added:
            return stale
        stale = stale | added


def starts_from(plan: Plan, key: str) -> str | None:
    """Name the run whose weights a run starts from, or None."""
    start = plan["runs"][key]["start"]
    return None if start == NOTHING else Path(start).stem


def make_jobs(params: Params, plan: Plan, keys: Iterable[str]) -> list[Job]:
    """Give the jobs, the longest chains first: a run counts with the longest of those that wait for it.

    Hours are predicted from this machine's speed, which decides their order too: it may be wrong by a factor for the
    machines that they will run on.
    """
    from sharploss.planning.cost import START_UP, measure_speed, step_seconds

    keys, speed = set(keys), measure_speed() if keys else 0.0
    jobs: list[Job] = []
    for key in plan["runs"]:
        if key in keys:
            config, after = resolve_run(params, plan["runs"][key]).model_dump(mode="json"), starts_from(plan, key)
            steps = config["recipe"]["steps"]
            seconds = step_seconds(config, speed) * steps + START_UP
            jobs.append(Job(key, after if after in keys else None, steps, seconds, plan["study"]))
    chain = chains({job.key: job.after for job in jobs}, {job.key: job.seconds for job in jobs})
    return sorted(jobs, key=lambda job: -chain[job.key])


def chains(after: dict[str, str | None], seconds: dict[str, float]) -> dict[str, float]:
    """Give for each run the time of the longest chain of runs that begins with it, in seconds."""
    followers: dict[str, list[str]] = {key: [] for key in after}
    for key, earlier in after.items():
        if earlier is not None:
            followers[earlier].append(key)

    def length(key: str) -> float:
        return seconds[key] + max((length(other) for other in followers[key]), default=0.0)

    return {key: length(key) for key in after}


def share_of(params: Params, plan: Plan, index: int, count: int) -> set[str]:
    """Give the runs that are machine `index`'s (1 to `count`), in equal shares of operations.

    Runs that start from one another stay together. Every machine comes to the same shares, because operations are
    counted and not timed, and because the whole plan is shared out, whatever is stale here or there.
    """
    from sharploss.planning.cost import step_flops

    families: dict[str, list[str]] = {}
    for key in plan["runs"]:
        families.setdefault(_root(plan, key), []).append(key)
    work = {root: sum(_operations(params, plan, key, step_flops) for key in keys) for root, keys in families.items()}
    shares: list[set[str]] = [set() for _ in range(count)]
    load = [0] * count
    for root in sorted(families, key=lambda root: (-work[root], root)):
        least = load.index(min(load))
        shares[least].update(families[root])
        load[least] += work[root]
    return shares[index - 1]


def _root(plan: Plan, key: str) -> str:
    earlier = starts_from(plan, key)
    return key if earlier is None else _root(plan, earlier)


def _operations(params: Params, plan: Plan, key: str, count: Callable[[dict[str, Any]], int]) -> int:
    config = resolve_run(params, plan["runs"][key]).model_dump(mode="json")
    return count(config) * int(config["recipe"]["steps"])
