import hashlib
import json

import pytest

from finished_study import IDENTITY, KEY, OTHER, RECORD, make
from sharploss.record.paths import paths
from sharploss.record.scores import Score
from sharploss.tracking.content import content_of, means, task_scores
from sharploss.utils.errors import UserError


@pytest.fixture
def study(repository, tmp_path):
    return make(repository, tmp_path)


def test_all_that_there_is_of_a_run(study, tmp_path):
    content = content_of(*study, KEY, tmp_path)
    assert content["description"]["id"] == f"{KEY}-{IDENTITY}"
    assert content["description"]["tags"][-2:] == ["suite:pairings", "suite:alpha_sweep"]
    assert content["lines"] == RECORD
    assert content["summary"]["result/validation/psnr_y"] == 28.5
    assert content["summary"]["provenance/parameters"] == 4536
    assert "result/diverged" not in content["summary"]
    assert content["crops"] == {"eye": tmp_path / "results/mini/crops/sr_x4-edsr/eye-sploss.png"}
    assert content["weights"]["file"].read_bytes() == b"weights"


def test_weights_come_from_the_packs_that_they_were_trained_on(study, tmp_path):
    content = content_of(*study, KEY, tmp_path)
    assert [(artifact["name"], artifact["receipt"]["sha256"]) for artifact in content["inputs"]] == [
        ("sr_x4-train", "a" * 64),
        ("sr_x4-validation", "b" * 64),
    ]
    assert content["inputs"][0]["receipt"]["sets"] == ["skimage_train"]
    assert content["weights"]["metadata"]["made_from"]["packs"]["train"] == "a" * 64


def test_a_run_that_starts_from_another_has_its_weights_as_input(study, tmp_path):
    params, plan = study
    plan["runs"][OTHER]["start"] = f"results/mini/weights/sr_x4-edsr/{KEY}.safetensors"
    start = content_of(params, plan, OTHER, tmp_path)["inputs"][-1]
    own = content_of(params, plan, KEY, tmp_path)["weights"]
    assert (start["name"], start["type"], start["file"]) == (own["name"], own["type"], own["file"])


def test_what_is_not_here_is_left_out(study, tmp_path):
    content = content_of(*study, OTHER, tmp_path)
    assert content["weights"] is None
    assert content["crops"] == {}
    (tmp_path / "results/mini/scores/sr_x4-edsr.csv").unlink()
    assert content_of(*study, KEY, tmp_path)["scores"] == []


def test_scores_become_a_row_per_image(study, tmp_path):
    content = content_of(*study, KEY, tmp_path)
    assert content["scores"] == [
        {"dataset": "set5", "image": "baby", "psnr_y": 30.5, "ssim_y": 0.875},
        {"dataset": "set5", "image": "bird", "psnr_y": 31.5},
    ]
    # The other run of the group has baby alone.
    found = {name: value for name, value in content["summary"].items() if name.startswith(("scores/", "images/"))}
    assert found == {"scores/set5/psnr_y": 30.5, "images/set5/psnr_y": 1, "scores/set5/ssim_y": 0.875}


@pytest.mark.parametrize("missing", [set(), {("a", 1)}, {("a", 0), ("b", 3)}, {("a", i) for i in range(3)}, {("b", 2)}])
def test_means_of_a_group_are_over_the_same_images(missing):
    rows = [
        Score(run, "own", str(image), "psnr", "y", 10.0 * image + (run == "b"))
        for run in "ab"
        for image in range(4)
        if (run, image) not in missing
    ]
    shared = [image for image in range(4) if not {("a", image), ("b", image)} & missing]
    for run in "ab":
        found = means(rows, run)
        assert found["scores/own/psnr_y"] == pytest.approx(10 * sum(shared) / len(shared) + (run == "b"))
        assert found.get("images/own/psnr_y", 4) == len(shared)
    assert means(rows, "c") == {}


def test_means_are_over_the_images_that_all_runs_of_the_task_have(study, tmp_path):
    rows = task_scores(paths("mini", tmp_path), study[1], "sr_x4")
    usual = {"scores/set5/psnr_y": 30.5, "images/set5/psnr_y": 1, "scores/set5/ssim_y": 0.875}
    assert means(rows, KEY) == usual
    exact = [*rows, *(Score("sr_x4-bicubic", "set5", image, "psnr", "y", float("inf")) for image in ("baby", "bird"))]
    assert means(exact, KEY) == usual  # restored exactly throughout, it limits no other
    one = [*rows, Score("sr_x4-bicubic", "set5", "baby", "ssim", "y", 0.5), Score(KEY, "set5", "cat", "ssim", "y", 0.7)]
    assert means(one, KEY) == usual | {"images/set5/ssim_y": 1}
    whole = [Score(KEY, "set5", "*", "fid", "inception_p128", 3.0), *rows]
    assert means(whole, KEY) == usual | {"scores/set5/fid_inception_p128": 3.0}


def measured_of(tmp_path, **digests):
    (tmp_path / "results/mini/scores/sr_x4-edsr.json").write_text(json.dumps({"weights_sha256": digests}))


def test_scores_are_of_the_weights_that_they_name(study, tmp_path):
    measured_of(tmp_path, **{KEY: hashlib.sha256(b"weights").hexdigest()})
    assert content_of(*study, KEY, tmp_path)["scores"]


@pytest.mark.parametrize("weights", [b"", b"Weights", b"weights" * 9])
def test_weights_that_were_trained_after_the_scores_are_not_sent_with_them(study, tmp_path, weights):
    measured_of(tmp_path, **{KEY: hashlib.sha256(b"weights").hexdigest(), OTHER: "0" * 64})
    (tmp_path / f"results/mini/weights/sr_x4-edsr/{KEY}.safetensors").write_bytes(weights)
    with pytest.raises(
        UserError, match=rf"sr_x4-edsr\.csv is of other weights of {KEY} than the last: run 'make repro'"
    ):
        content_of(*study, KEY, tmp_path)
    assert content_of(*study, OTHER, tmp_path)["scores"]  # its weights are not here


@pytest.mark.parametrize("name", ["start", "extractor"])
def test_what_a_run_was_made_from_is_sent_only_as_it_was_then(study, tmp_path, name):
    params, plan = study
    plan["runs"][KEY][name] = "origin.safetensors"
    (tmp_path / "origin.safetensors").write_bytes(b"then")
    path = tmp_path / f"results/mini/runs/{KEY}/provenance.json"
    record = {**json.loads(path.read_text()), name: hashlib.sha256(b"then").hexdigest()}
    path.write_text(json.dumps(record))
    assert content_of(params, plan, KEY, tmp_path)["inputs"][-1]["name"] == "origin"
    (tmp_path / "origin.safetensors").write_bytes(b"now")
    with pytest.raises(UserError, match=r"origin\.safetensors was made again since it was trained from"):
        content_of(params, plan, KEY, tmp_path)


def test_a_run_that_was_not_trained_has_nothing_to_send(study, tmp_path):
    path = tmp_path / f"results/mini/runs/{KEY}/metrics.json"
    lacking = {"status": "not_trained", "step": 0, "validation": {}, "reason": "alexnet is not here"}
    path.write_text(json.dumps({**json.loads(path.read_text()), **lacking}))
    with pytest.raises(UserError, match=r"it was not trained \(alexnet is not here\), so there is nothing to send"):
        content_of(*study, KEY, tmp_path)


def test_of_several_seeds_the_crops_are_the_first_ones(study, tmp_path):
    params, plan = study
    second = KEY.replace("s0", "s1")
    plan["runs"][second] = {**plan["runs"][KEY], "seed": 1}
    plan["groups"]["sr_x4-edsr"]["runs"].append(second)
    (tmp_path / "results/mini/runs" / KEY).rename(tmp_path / "results/mini/runs" / second)
    assert content_of(params, plan, second, tmp_path)["crops"] == {}


def test_a_run_that_is_unknown_or_not_done_or_too_old_is_told(study, tmp_path):
    params, plan = study
    with pytest.raises(UserError, match=f"no run 'sr_x4-edsr-sploss-s9': did you mean '{KEY}'"):
        content_of(params, plan, "sr_x4-edsr-sploss-s9", tmp_path)
    with pytest.raises(UserError, match=r"sr_x4-edsr-l2-s0/metrics\.json is missing: run 'make repro'"):
        content_of(params, plan, "sr_x4-edsr-l2-s0", tmp_path)
    path = tmp_path / f"results/mini/runs/{KEY}/provenance.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "identity": ""}))
    with pytest.raises(UserError, match="does not say the run's identity"):
        content_of(params, plan, KEY, tmp_path)


@pytest.mark.parametrize(
    ("name", "change", "said"),
    [
        ("history.jsonl", lambda _: "", r"history\.jsonl is not the whole record of 40 steps"),
        (
            "history.jsonl",
            lambda text: text.split("\n")[0] + "\n",
            r"history\.jsonl is not the whole record of 40 steps",
        ),
        ("history.jsonl", lambda text: text.replace('"event": "validation", ', ""), r"history\.jsonl is damaged"),
        (
            "provenance.json",
            lambda text: text.replace('"task": ', '"tusk": '),
            r"provenance\.json is damaged \(config: .* none of today's: top level: There is no key 'tusk'",
        ),
        ("provenance.json", lambda text: text.replace(IDENTITY, "../a"), r"provenance\.json does not say .* identity"),
        ("provenance.json", lambda text: text.replace(IDENTITY, "a" * 200), r"does not say the run's identity"),
    ],
)
def test_a_record_that_says_less_than_it_should_is_not_sent(study, tmp_path, name, change, said):
    path = tmp_path / f"results/mini/runs/{KEY}/{name}"
    path.write_text(change(path.read_text()))
    with pytest.raises(UserError, match=said):
        content_of(*study, KEY, tmp_path)
