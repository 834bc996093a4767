"""`python -m sharploss add`: a loss of one's own, trained as the benchmark's were and placed beside them."""

import csv
import json
import shutil

import pytest
import yaml

from sharploss.analysis.load import load_study
from sharploss.analysis.report.headline import answers
from sharploss.config.params import load_params
from sharploss.launch import adding
from sharploss.utils.errors import UserError


@pytest.fixture
def bench(benchmark):
    return benchmark


@pytest.fixture
def root(repository, tmp_path, monkeypatch):
    """A folder in which the command runs, with the committed results."""
    for name in ("pipelines", "claims.yaml", "src"):
        (tmp_path / name).symlink_to(repository / name)
    (tmp_path / "results").mkdir()
    (tmp_path / "results/benchmark").symlink_to(repository / "results/benchmark")
    shutil.copytree(repository / "studies", tmp_path / "studies")
    shutil.copy(repository / "studies/mini.yaml", tmp_path / "params.yaml")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SHARPLOSS_DEVICE", "cpu")
    return tmp_path


@pytest.mark.slow
def test_the_loss_is_trained_as_what_the_answer_rests_on_and_l1_beside_it(bench):
    found = adding.study_of("mine", adding.read_loss("{l1: 1, gv: 0.05}"), bench)
    assert found.seeds == [0]
    assert found.suites["added"].losses == ["l1", "mine"]
    assert found.recipes == {"h100": bench.params.recipes["h100"]}
    assert found.tasks == {"sr_x4": bench.params.tasks["sr_x4"]}
    assert found.networks == {"edsr": bench.params.networks["edsr"]}
    assert found.losses["mine"].weights == {"l1": 1, "gv": 0.05}


@pytest.mark.parametrize(
    ("name", "loss", "said"),
    [
        ("mine", "l1", "A loss is a mapping of terms to weights"),
        ("mine", "{l1: 1, gvv: 1}", "gvv"),
        ("mine", "{l1: -1}", "The loss is wrong"),
        ("mine", "{l1: 1", "is no loss"),
        ("mine", "{l1: 2001-99-99}", "is no loss"),
        ("l1_gv", "{l1: 1}", "'l1_gv' is a loss of the study benchmark"),
        (
            "published",
            "{l1: 1}",
            "'published' cannot name a loss and a study: study: the folder 'published' holds other",
        ),
        *(
            (name, "{l1: 1}", "cannot name a loss and a study: ")
            for name in ("", "../x", "Mine", "a-b", "x" * 61, "a b")
        ),
    ],
)
def test_a_wrong_loss_gives_one_sentence(bench, name, loss, said):
    with pytest.raises(UserError, match=said):
        adding.study_of(name, adding.read_loss(loss), bench)


@pytest.mark.slow
def test_without_a_gpu_the_study_is_planned_and_its_time_told(root, capfd, monkeypatch):
    monkeypatch.setattr(adding.command, "main", lambda _: pytest.fail("nothing is trained"))
    assert adding.main(["mine", "{l1: 1, gv: 0.05}"]) == 0
    said = capfd.readouterr().out
    assert "all                          2  not known\n" in said
    assert "studies/mine.yaml: 2 trainings, with the hours above" in said
    assert "python -m sharploss launch" in said
    assert load_params(root / "params.yaml").study == "mine"
    assert list(yaml.safe_load((root / "runs.yaml").read_text())["runs"])[1].endswith("sr_x4-edsr-mine-h100-s0")
    assert adding.main(["mine", "{l1: 1, gv: 0.05}", "--plan"]) == 0  # and again
    with pytest.raises(UserError, match=r"studies/mine.yaml exists and holds another study"):
        adding.main(["mine", "{l1: 1, gv: 0.06}"])


@pytest.mark.slow
def test_a_loss_is_placed_beside_the_committed_ones(root, repository, bench, capsys):
    """L1 + GV of the first run under another name stands where L1 + GV stands."""
    text = adding.study_of("mine", adding.read_loss("{l1: 1, gv: 0.01}"), bench).model_dump(mode="json")
    (root / "studies/mine.yaml").write_text(yaml.safe_dump(text, sort_keys=False))
    results = root / "results/mine"
    for loss, name in (("l1", "l1"), ("l1_gv", "mine")):
        old, new = f"sr_x4-edsr-{loss}-h100-s0", f"sr_x4-edsr-{name}-h100-s0"
        shutil.copytree(repository / f"results/benchmark/runs/{old}", results / f"runs/{new}")
    shutil.copytree(repository / "results/benchmark/input_baselines/sr_x4", results / "input_baselines/sr_x4")
    (results / "scores").mkdir()
    with (repository / "results/benchmark/scores/sr_x4-edsr.csv").open() as file:
        rows = list(csv.reader(file))
    kept = [*range(4), rows[0].index("sr_x4-edsr-l1-h100-s0"), rows[0].index("sr_x4-edsr-l1_gv-h100-s0")]
    rows[0][kept[-1]] = "sr_x4-edsr-mine-h100-s0"
    with (results / "scores/sr_x4-edsr.csv").open("w", newline="") as file:
        csv.writer(file).writerows([row[at] for at in kept] for row in rows)
    notes = json.loads((repository / "results/benchmark/scores/sr_x4-edsr.json").read_text())
    (results / "scores/sr_x4-edsr.json").write_text(json.dumps(notes))
    assert adding.compare_with_benchmark(bench, load_study("mine", root), "mine") == 0
    said = capsys.readouterr().out
    title, own = bench.titles["l1_gv"], "L1 + 0.01 GV (mine)"
    wanted = next(line for line in answers(bench)[0].losses if line.startswith(f"{title} "))
    assert wanted.replace(title, own, 1) in said
    assert "l1 trained here: 0 of" in said
    folder = root / "reports/mine/beside_benchmark"
    table = (folder / "tables/matched_psnr.md").read_text()
    assert f"| {own} |" in table
    assert "| L1 + 0.01 GV |" in table
    assert "mine" in (folder / "tables/added.md").read_text()
    assert "mine" in (folder / "tradeoff.svg").read_text()
