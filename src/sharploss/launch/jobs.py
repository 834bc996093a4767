"""What is to be trained: the runs that DVC calls stale, what each waits for, and how long it takes."""

import json
import subprocess
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sharploss.config.params import Params
from sharploss.planning.plan import NOTHING, Plan
from sharploss.record.keys import stage_name
from sharploss.record.paths import key_of
from sharploss.utils.errors import UserError

DVC = (sys.executable, "-P", "-m", "dvc", "--wait-for-lock")


@dataclass(frozen=True)
class Job:
    """One run to train."""

    key: str
    after: str | None  # the run whose weights it starts from, where that is to be trained too
    steps: int
    seconds: float | None  # predicted; None where nothing like it was measured on this device
    stage: str = ""  # of DVC
    group: str = ""  # of runs that are evaluated together, and compiled once
    rank: int = 0  # of the first suite that needs it, by which they come


def stale_stages() -> set[str]:
    """Return the stages that DVC calls stale; UserError where it fails."""
    done = subprocess.run([*DVC, "status", "--json"], capture_output=True, text=True, check=False)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise UserError(f"dvc status failed ({reason}): put that right and run the same command again.")
    return set(json.loads(done.stdout))


def stale_runs(plan: Plan, stages: Collection[str]) -> set[str]:
    """Return the runs whose stages are stale, with those that start from them."""
    return with_dependents(plan, {key for key in plan["runs"] if stage_name("train", plan["study"], key) in stages})


def with_dependents(plan: Plan, stale: Iterable[str]) -> set[str]:
    """Add the runs that start from those in `stale`, and those that start from these."""
    found = set(stale)
    for key in plan["runs"]:  # a plan lists a run after the one that it starts from
        if starts_from(plan, key) in found:
            found.add(key)
    return found


def starts_from(plan: Plan, key: str) -> str | None:
    """Return the run whose weights a run starts from, or None."""
    start = plan["runs"][key]["start"]
    return None if start == NOTHING else key_of(Path(start))


def make_jobs(params: Params, plan: Plan, keys: Iterable[str], processes: int = 1) -> list[Job]:
    """Return the jobs, suite by suite, in each group by group, the head of the longest chain first.

    A run counts with the longest of those that wait for it; `processes` train one run together.
    """
    from sharploss.planning.cost import predict_seconds

    keys = set(keys)
    seconds = predict_seconds(params, {key: run for key, run in plan["runs"].items() if key in keys}, processes)
    jobs, ranks = list[Job](), suite_ranks(params, plan)
    for key, predicted in seconds.items():
        after, recipe = starts_from(plan, key), params.recipes[plan["runs"][key]["recipe"]]
        stage = stage_name("train", plan["study"], key)
        group = plan["runs"][key]["group"]
        jobs.append(Job(key, after if after in keys else None, recipe.steps, predicted, stage, group, ranks[key]))
    chain = chain_lengths({job.key: job.after for job in jobs}, work_of(jobs))
    longest: dict[tuple[int, str], float] = {}
    for job in jobs:
        group = job.rank, job.group
        longest[group] = max(chain[job.key], longest.get(group, 0.0))
    return sorted(jobs, key=lambda job: (job.rank, -longest[job.rank, job.group], job.group, -chain[job.key]))


def suite_ranks(params: Params, plan: Plan) -> dict[str, int]:
    """Return for each run which of the study's suites needs it first, also for one that others start from."""
    order, ranks = list(params.suites), dict[str, int]()
    for key in reversed(list(plan["runs"])):  # a plan lists a run after the one that it starts from
        suites, earlier = plan["runs"][key]["suites"], starts_from(plan, key)
        ranks[key] = min(ranks.get(key, len(order)), order.index(suites[0]) if suites else len(order))
        if earlier is not None:
            ranks[earlier] = min(ranks[key], ranks.get(earlier, len(order)))
    return ranks


def work_of(jobs: Sequence[Job]) -> dict[str, float]:
    """Return how much work each job is: predicted seconds where all have them, else steps."""
    seconds = {job.key: job.seconds for job in jobs if job.seconds is not None}
    return seconds if len(seconds) == len(jobs) else {job.key: float(job.steps) for job in jobs}


def chain_lengths(after: Mapping[str, str | None], work: Mapping[str, float]) -> dict[str, float]:
    """Return for each run the work of the longest chain of runs that begins with it."""
    dependents: dict[str, list[str]] = {key: [] for key in after}
    for key, earlier in after.items():
        if earlier is not None:
            dependents[earlier].append(key)

    def length(key: str) -> float:
        return work[key] + max((length(other) for other in dependents[key]), default=0.0)

    return {key: length(key) for key in after}
