import json
import subprocess

import pytest

from sharploss.config.params import Params
from sharploss.launch import jobs as launch_jobs
from sharploss.launch.jobs import (
    Job,
    chain_lengths,
    make_jobs,
    stale_runs,
    stale_stages,
    starts_from,
    suite_ranks,
    with_dependents,
    work_of,
)
from sharploss.planning.plan import expand
from sharploss.utils.errors import UserError

TASK = {"kind": "sr", "scale": 2, "train": ["skimage_train"], "validation": ["skimage_validation"], "test": ["set5"]}
RECIPE = {"steps": 10, "batch": 2, "patch": 8, "learning_rate": 0.001}


@pytest.fixture(autouse=True)
def nothing_trained(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def params():
    """ESRGAN-like: three pretraining runs, and one that starts from each of two of them."""
    suite = {"question": "?", "tasks": ["x2"], "networks": ["espcn"], "recipe": "mini"}
    return Params.model_validate(
        {
            "study": "mini",
            "seeds": [0],
            "tasks": {"x2": TASK},
            "networks": {"espcn": {"network": "espcn", "width": 8}},
            "losses": {"l1": {"l1": 1}, "l2": {"l2": 1}, "sploss": {"sploss": {"alpha": 2}}},
            "extractors": {},
            "recipes": {
                "mini": RECIPE,
                "slow": {**RECIPE, "steps": 10_000, "start": {"loss": "l1", "recipe": "mini"}},
                "last": {**RECIPE, "start": {"loss": "sploss", "recipe": "slow"}},
            },
            "suites": {
                "pairings": {**suite, "losses": ["l2", "l1"]},
                "last": {**suite, "losses": ["sploss"], "recipe": "last"},
            },
        }
    )


L1, L2, SLOW, LAST = "x2-espcn-l1-s0", "x2-espcn-l2-s0", "x2-espcn-sploss-slow-s0", "x2-espcn-sploss-last-s0"


def test_what_a_run_starts_from(params):
    plan = expand(params)
    assert set(plan["runs"]) == {L1, L2, SLOW, LAST}
    assert starts_from(plan, LAST) == SLOW
    assert starts_from(plan, L1) is None


def test_the_head_of_the_longest_chain_comes_first_in_its_suite(params):
    made = make_jobs(params, expand(params), [L1, L2, SLOW, LAST])
    assert [job.key for job in made] == [L1, L2, SLOW, LAST]
    assert {job.key: job.after for job in made} == {L1: None, L2: None, SLOW: L1, LAST: SLOW}
    assert {job.key: job.steps for job in made}[SLOW] == 10_000
    assert all(job.seconds is None for job in made)  # nothing was trained here: steps decide


def test_suites_come_in_their_order_and_in_each_group_follows_group(params):
    content = params.model_dump(exclude_defaults=True)
    content["networks"] |= {"vdsr": {"network": "vdsr", "blocks": 3, "width": 4}}
    suite = content["suites"].pop("last")
    content["suites"]["pairings"]["networks"] = ["vdsr", "espcn"]
    content["suites"] = {"last": suite | {"networks": ["espcn"]}, **content["suites"]}
    params = Params.model_validate(content)
    plan = expand(params)
    made = [job.key for job in make_jobs(params, plan, plan["runs"])]
    # What the first suite's run starts from counts as that suite's.
    assert made == [L1, SLOW, LAST, L2, "x2-vdsr-l2-s0", "x2-vdsr-l1-s0"]
    assert suite_ranks(params, plan)[SLOW] == 0


def test_a_run_does_not_wait_for_what_is_done(params):
    made = make_jobs(params, expand(params), [SLOW, LAST])
    assert {job.key: job.after for job in made} == {SLOW: None, LAST: SLOW}
    assert make_jobs(params, expand(params), []) == []


def test_chain_lengths():
    after = {"a": None, "b": "a", "c": "b", "d": "a", "e": None}
    seconds = {"a": 1.0, "b": 2.0, "c": 3.0, "d": 10.0, "e": 5.0}
    assert chain_lengths(after, seconds) == {"a": 11.0, "b": 5.0, "c": 3.0, "d": 10.0, "e": 5.0}


def test_work_is_seconds_only_where_all_have_them():
    jobs = [Job("a", None, 10, 3.0), Job("b", None, 20, None)]
    assert work_of(jobs) == {"a": 10.0, "b": 20.0}
    assert work_of(jobs[:1]) == {"a": 3.0}


def test_what_starts_from_a_stale_run_is_stale(params):
    plan = expand(params)
    assert with_dependents(plan, {L2}) == {L2}
    assert with_dependents(plan, {L1}) == {L1, SLOW, LAST}


def answer(monkeypatch, code, out, err=""):
    done = subprocess.CompletedProcess([], code, out, err)
    monkeypatch.setattr(launch_jobs.subprocess, "run", lambda *_, **__: done)


def test_stale_is_what_dvc_says(params, monkeypatch):
    status = {
        "fetch": ["always changed"],
        f"train@mini-{L2}": [{"changed deps": {}}],
        f"train@other-{L1}": [],
        "train@gone-from-the-plan-s0": [],
    }
    answer(monkeypatch, 0, json.dumps(status))
    assert stale_runs(expand(params), stale_stages()) == {L2}


def test_a_dvc_that_fails_is_told(monkeypatch):
    answer(monkeypatch, 255, "", "WARNING: x\nERROR: failed to parse 'dvc.yaml'")
    with pytest.raises(UserError, match=r"dvc status failed \(ERROR: failed to parse 'dvc.yaml'\)"):
        stale_stages()
