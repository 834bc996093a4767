"""Runs that were trained elsewhere: an invented folder of two, taken in, refused, and taken in again after a kill."""

import json
import shutil

import numpy as np
import pytest
import yaml

from sharploss.analysis.load import load_study
from sharploss.config.params import load_params
from sharploss.data import write_png
from sharploss.launch import importing
from sharploss.launch.importing import main
from sharploss.networks import build_network
from sharploss.planning.cost import full_config
from sharploss.planning.plan import dump_plan, expand
from sharploss.record.paths import StudyPaths, paths
from sharploss.record.run import Metrics, Provenance, RunRecord, load_run, save_run
from sharploss.record.scores import Notes, Score, load_scores, save_scores
from sharploss.training.checkpoint import read_metadata, save_weights
from sharploss.utils import files as file_utils
from sharploss.utils.errors import UserError
from sharploss.utils.files import sha256, write_json, write_text

TASK, GROUP = "sr_x2", "sr_x2-espcn"
RUNS = {f"{GROUP}-l1-s0": f"{GROUP}-l1-first-s0", f"{GROUP}-l2-s0": f"{GROUP}-l2-first-s0"}
FIRST, OTHER = RUNS
IMAGES = ("baby", "bird")
LONG = "run,dataset,image,metric,protocol,value"
CURVES = "run,image,direction,rank,patches,target,output"


@pytest.fixture
def study(repository, tmp_path, monkeypatch):
    """A study of four runs, whose two recipes differ in name alone, in a folder of its own."""
    content = yaml.safe_load((repository / "tests/study.yaml").read_text())
    recipe = {**content["recipes"]["mini"], "steps": 40, "start": None}
    suite = {"question": "?", "tasks": [TASK], "networks": ["espcn"], "losses": ["l1", "l2"]}
    content |= {
        "tasks": {TASK: {**content["tasks"][TASK], "test": ["set5"], "tune": []}},
        "networks": {"espcn": {"network": "espcn", "width": 4}},
        "losses": {"l1": {"l1": 1}, "l2": {"l2": 1}},
        "recipes": {"mini": recipe, "first": recipe},
        "extractors": {},
        "crops": {"eye": {"task": TASK, "dataset": "set5", "image": "baby", "top": 0, "left": 0}},
        "suites": {"now": {**suite, "recipe": "mini"}, "then": {**suite, "recipe": "first"}},
    }
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
    shutil.copy(repository / "claims.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return load_params()


@pytest.fixture
def folder(study, tmp_path):
    """What an older version left elsewhere: long tables, "unrestored", no record of threads, an unknown commit."""
    folder = tmp_path / "elsewhere/first"
    files = StudyPaths("first", results=folder)
    network = build_network("espcn", scale=2, width=4)
    for index, key in enumerate(RUNS):
        loss = key.split("-")[2]
        run = {"task": TASK, "network": "espcn", "loss": loss, "recipe": "first", "seed": 0}
        origin = Provenance(
            started=f"2026-01-01T00:00:0{index}+00:00", seconds=2, steps_per_second=0, device="cuda", hardware="a GPU",
            versions={"torch": "2.11.0"}, commit="unknown", parameters=sum(p.numel() for p in network.parameters()),
            config=full_config(study, run), packs={"train": "a" * 64},
        )  # fmt: skip
        save_run(files.run(key), RunRecord(key, Metrics(status="finished", step=40), origin))
        edit(
            files.run(key).provenance,
            lambda content: [
                *(content.pop(name) for name in ("threads", "imported", "partial")),
                content["config"]["task"].update({"preferred": []}),
            ],
        )
        lines = [{"event": "train", "step": step, "total": 0.5, "terms": {loss: 0.5}} for step in (20, 40)]
        write_text(files.run(key).history, "".join(f"{json.dumps(line)}\n" for line in lines))
        write_png(files.crop(GROUP, "eye", loss), np.full((3, 96, 96), index, np.uint8))
    weights = files.weights(GROUP, FIRST)
    config = json.loads(files.run(FIRST).provenance.read_text())["config"]
    weights.parent.mkdir(parents=True)
    save_weights(weights, network, {"key": FIRST, "status": "finished", "config": json.dumps(config)})
    write_text(folder / "runs.yaml", yaml.safe_dump({"runs": {key: {"recipe": "first"} for key in RUNS}}))
    lines = [
        f"{key},set5,{image},{name},y,{20 + 5 * n + len(image)}"
        for key in RUNS
        for n, name in enumerate(("psnr", "niqe"))
        for image in IMAGES
    ]
    write_text(files.scores(GROUP).rows, "\n".join([LONG, *lines, ""]))
    write_json(
        files.scores(GROUP).notes,
        {"not_measured": {"fid": "no weights"}, "seconds": 3, "weights_sha256": {FIRST: sha256(weights)}},
    )
    base = folder / "unrestored" / TASK
    lines = [f"{TASK}-bicubic,set5,{image},psnr,y,{19 + len(image)}" for image in IMAGES]
    write_text(base / "scores.csv", "\n".join([LONG, *lines, ""]))
    write_json(base / "scores.json", {})
    for name in ("target", "bicubic"):
        write_png(base / f"eye-{name}.png", np.zeros((3, 96, 96), np.uint8))
    write_text(base / "variance.csv", f"{CURVES}\n{TASK}-bicubic,set5/baby,x,0.5,1,1,1\n")
    rows = "".join(f"{key},set5/baby,x,0.5,1,1,1\n" for key in RUNS)
    write_text(files.variances(GROUP), f"{CURVES}\n{rows}")
    return folder


def edit(path, change):
    content = json.loads(path.read_text())
    change(content)
    write_json(path, content)


def replace(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def everything():
    folder = paths("mini").results
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_is_taken_in_is_a_study_that_can_be_analysed(folder, capsys):
    assert main([str(folder)]) == 0
    files, study = paths("mini"), load_study("mini", partial=True)
    assert list(study.runs["run"]) == list(RUNS.values())
    assert len(study.runs) + len(study.absent) == 4
    assert set(study.runs["recipe"]) == {"first"}
    for key, run in RUNS.items():
        record, theirs = (
            load_run(files.run(run), run),
            json.loads((folder / "runs" / key / "provenance.json").read_text()),
        )
        assert record.provenance is not None
        assert record.provenance.started == theirs["started"]
        assert record.provenance.imported == "first"
        assert files.run(run).history.read_bytes() == (folder / "runs" / key / "history.jsonl").read_bytes()
        assert files.crop(GROUP, "eye", f"{key.split('-')[2]}-first").is_file()
    rows, notes = load_scores(files.scores(GROUP))
    assert {row for row in rows if row.metric == "psnr"} == {
        Score(run, "set5", image, "psnr", "y", 20.0 + len(image)) for run in RUNS.values() for image in IMAGES
    }
    assert len(rows) == 8
    assert notes.weights_sha256 == {RUNS[FIRST]: sha256(files.weights(GROUP, RUNS[FIRST]))}
    assert read_metadata(files.weights(GROUP, RUNS[FIRST]))["key"] == RUNS[FIRST]
    assert {path.name for path in files.input_baseline(TASK).iterdir()} >= {"eye-target.png", "eye-bicubic.png"}
    assert files.variances(GROUP).read_text().count("-first-s0,") == 2
    said = capsys.readouterr().out
    for line in (
        "2 runs are now runs of mini",
        f"incomplete, no weights: {RUNS[OTHER]}",
        "incomplete, commit unknown: all",
        "incomplete, speed not measured: all",
        "incomplete, no record of threads: all",
        "DVC has recorded 0 of 2 trainings. 1 have no weights",
    ):
        assert line in said


def test_pictures_that_are_not_there_are_said(folder, capsys):
    (folder / f"crops/{GROUP}/eye-l1.png").unlink()
    replace(folder / f"crops/{GROUP}/variance.csv", f"{OTHER},set5/baby,x,0.5,1,1,1\n", "")
    main([str(folder)])
    said = capsys.readouterr().out
    assert f"incomplete, no crops: {RUNS[FIRST]}" in said
    assert f"incomplete, no curve of gradient variances: {RUNS[OTHER]}" in said


def test_to_take_in_the_same_again_changes_nothing(folder):
    main([str(folder)])
    before = everything()
    main([str(folder)])
    assert everything() == before


def test_results_of_todays_layout_are_taken_in_by_their_names(folder, tmp_path):
    main([str(folder)])
    wanted = everything()
    shutil.move(paths("mini").results, tmp_path / "elsewhere/copy")
    main([str(tmp_path / "elsewhere/copy")])
    found = everything()
    assert found.keys() == wanted.keys()
    assert {path for path in wanted if found[path] != wanted[path]} == {
        file.relative_to("results/mini") for run in RUNS.values() for file in [paths("mini").run(run).provenance]
    }


def test_the_commit_can_be_stated(folder):
    main([str(folder), "--commit", "8ef4026"])
    origin = load_run(paths("mini").run(RUNS[FIRST]), "").provenance
    assert origin is not None
    assert origin.commit == "8ef4026"
    assert "commit as stated at the import" in origin.partial


RUN, SCORES = f"runs/{FIRST}", f"scores/{GROUP}.csv"


def setting(section, name, value):
    return lambda at: edit(
        at / RUN / "provenance.json", lambda content: content["config"][section].update({name: value})
    )


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda at: shutil.rmtree(at / "runs"), r"has no runs/<run>/"),
        (lambda at: (at / RUN).rename(at / "runs/one"), r"runs/one: a run is called <task>-<network>"),
        (lambda at: (at / RUN / "metrics.json").unlink(), r"metrics\.json is missing"),
        (
            setting("recipe", "batch", 5),
            rf"{FIRST} is no run of mini: the nearest, .*, has recipe\.batch \d+, and this one 5",
        ),
        (setting("recipe", "colour", 5), r"none of today's: recipe: There is no key 'colour'"),
        (lambda at: shutil.copytree(at / RUN, at / f"runs/{GROUP}-same-s0"), r"alike: put a runs\.yaml"),
        (lambda at: replace(at / RUN / "metrics.json", "40", "20"), r"stopped at step 20 of 40"),
        (lambda at: replace(at / RUN / "history.jsonl", "40", "60"), r"history\.jsonl does not end at step 40"),
        (lambda at: replace(at / SCORES, f"{OTHER},", f"{GROUP}-l3-s0,"), r"l3-s0 on set5/baby: no such run"),
        (lambda at: replace(at / SCORES, "set5", "set6"), r"set6/baby: no such run, test set"),
        (lambda at: replace(at / SCORES, "niqe,y", "niqe,z"), r"niqe z of .*: no such run"),
        (
            lambda at: replace(at / SCORES, f"{FIRST},set5,bird", f"{FIRST},set5,zebra"),
            r"set5/bird was not measured for both",
        ),
        (
            lambda at: replace(at / f"scores/{GROUP}.json", f'"{FIRST}": "', f'"{FIRST}": "0'),
            r"scores of other weights",
        ),
        (lambda at: (at / SCORES).unlink(), r"scores/.*csv is missing"),
        (lambda at: (at / f"unrestored/{TASK}/scores.csv").unlink(), r"unrestored/sr_x2/scores\.csv is missing"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_with_its_first_difference_and_nothing_is_written(folder, spoil, message):
    spoil(folder)
    with pytest.raises(UserError, match=message) as error:
        main([str(folder)])
    assert str(folder) in str(error.value)
    assert not paths("mini").results.exists()


def test_damaged_weights_and_those_of_another_run_are_refused(folder):
    path = folder / f"weights/{GROUP}/{FIRST}.safetensors"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(UserError, match=r"safetensors is damaged"):
        main([str(folder)])
    path.rename(path.with_stem(OTHER))
    path.with_stem(OTHER).write_bytes(content)
    with pytest.raises(UserError, match=rf"is of another training than {OTHER}"):
        main([str(folder)])


def test_two_runs_that_are_one_are_refused(folder):
    shutil.copytree(folder / RUN, folder / f"runs/{RUNS[FIRST]}")
    with pytest.raises(UserError, match=rf"are both {RUNS[FIRST]}"):
        main([str(folder)])


def test_other_images_than_those_measured_here_are_refused(folder):
    files = paths("mini").input_baseline_scores(TASK)
    save_scores(files, [Score(f"{TASK}-bicubic", "set5", "baby", "psnr", "y", 25.0)], Notes())
    with pytest.raises(
        UserError, match=r"psnr y of .*set5/baby is 23, and 25 in results/mini/.*: measure the same images"
    ):
        main([str(folder)])


def test_a_run_that_was_trained_here_is_replaced_only_by_force(folder):
    main([str(folder)])
    files, whole = paths("mini"), everything()
    edit(files.run(RUNS[FIRST]).provenance, lambda content: content.update(started="2026-02-02T00:00:00+00:00"))
    changed = everything()
    with pytest.raises(UserError, match=rf"{RUNS[FIRST]} is of another training: add --force"):
        main([str(folder)])
    assert everything() == changed
    main([str(folder), "--force"])
    assert everything() == whole


def test_runs_of_the_same_group_that_are_here_stay(folder):
    files, ours = paths("mini"), f"{GROUP}-l1-s0"
    row = Score(ours, "set5", "baby", "psnr", "y", 30.0)
    save_scores(files.scores(GROUP), [row], Notes(weights_sha256={ours: "c"}, seconds=1))
    write_text(files.variances(GROUP), f"{CURVES}\n{ours},set5/baby,x,0.5,1,1,1\n")
    main([str(folder)])
    rows, notes = load_scores(files.scores(GROUP))
    assert row in rows
    assert len(rows) == 9
    assert notes.seconds == 4
    assert notes.weights_sha256.keys() == {ours, RUNS[FIRST]}
    assert ours in files.variances(GROUP).read_text()


@pytest.mark.slow
def test_a_kill_at_any_write_leaves_whole_runs_alone_and_can_be_repeated(folder, monkeypatch):
    whole, at = file_utils.atomic_path, 0
    main([str(folder)])
    wanted = everything()
    while True:
        shutil.rmtree(paths("mini").results)
        at, left = at + 1, [at + 1]

        def killed(path, left=left):
            left[0] -= 1
            if not left[0]:
                raise KeyboardInterrupt
            return whole(path)

        monkeypatch.setattr(file_utils, "atomic_path", killed)
        try:
            main([str(folder)])
            break
        except KeyboardInterrupt:
            pass
        monkeypatch.setattr(file_utils, "atomic_path", whole)
        if any(paths("mini").run(run).metrics.is_file() for run in RUNS.values()):
            load_study("mini", partial=True)
        else:
            with pytest.raises(UserError, match="has no run"):
                load_study("mini", partial=True)
        main([str(folder)])
        assert everything() == wanted
    assert at > 12


def test_dvc_is_told_of_runs_of_which_all_is_here(study, folder, monkeypatch, capsys):
    plan, files, told = expand(study), paths("mini"), []
    write_text("runs.yaml", dump_plan(plan))
    write_text("pipelines/nothing.txt", "")
    needs = [files.run_settings(run) for run in RUNS.values()] + [files.loss_receipts(loss) for loss in study.losses]
    for path in (*needs, files.pack(TASK, "train"), files.pack(TASK, "validation")):
        write_text(path, "")

    class Done:
        returncode = 0

    monkeypatch.setattr(importing.subprocess, "run", lambda command, **_: told.append(command) or Done)
    main([str(folder)])
    assert told == [[*importing.DVC, "commit", "--force", f"train@mini-{RUNS[FIRST]}"]]
    assert (
        "DVC has recorded 1 of 2 trainings. 1 have no weights: dvc repro will train them again."
        in capsys.readouterr().out
    )
