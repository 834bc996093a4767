import shutil

import pytest
import yaml

from sharploss.analysis.report.first_screen import first_screen
from sharploss.analysis.report.page import ANSWER, write_front_page
from sharploss.config.params import load_params
from sharploss.planning.plan import expand
from sharploss.record.paths import FRONT_PAGE, paths
from sharploss.utils.files import read_json, write_json, write_text


@pytest.fixture
def runs(repository, tmp_path):
    """The keys of the answering study's runs, whose file is in tmp_path."""
    content = yaml.safe_load((repository / "tests/study.yaml").read_text()) | {"study": ANSWER}
    (tmp_path / "studies").mkdir()
    path = tmp_path / "studies" / f"{ANSWER}.yaml"
    path.write_text(yaml.safe_dump(content))
    return list(expand(load_params(path))["runs"])


TILE = {
    "title": "L1",
    "alt": "zebra",
    "address": "results/benchmark/crops/a/b.png",
    "scores": ["25.00 dB"],
    "style": "width:150%",
}
FIRST = {
    "caution": "",
    "sentences": ["Closer by <i>.", "Costs nothing.", "Preliminary."],
    "tiles": [TILE],
    "crop": "zebra",
    "figure": {
        "name": "tradeoff",
        "section": "",
        "title": "",
        "alt": "Scatter.",
        "caption": "Truth.",
        "appendix": False,
        "paper": "",
        "width": 300,
        "height": 200,
    },
}
BLOCK = {"task": "sr_x4", "network": "edsr", "recipe": "s5k", "dataset": "b100"}
ANSWERS = {
    "first": FIRST,
    "answers": [
        {**BLOCK, "scope": "With 1 seed <b>.", "losses": ["gv & so on."], "budget": ["More steps."]},
        {**BLOCK, "scope": "Another network.", "losses": [], "budget": []},
    ],
}


@pytest.mark.parametrize("lacking", [0, 1, "all"])
@pytest.mark.parametrize("drawn", [False, True])
def test_the_front_page_has_the_answer_and_says_of_how_many_trainings_it_is(tmp_path, runs, lacking, drawn):
    files, here = paths(ANSWER, tmp_path), [] if lacking == "all" else runs[lacking:]
    for key in here:
        write_json(files.run(key).metrics, {})
    write_json(files.answer, ANSWERS)
    if drawn:
        write_text(files.page, "")
    write_front_page(tmp_path)
    text = (tmp_path / FRONT_PAGE).read_text()
    assert (f'href="{ANSWER}/index.html"' in text) == drawn
    for part in (
        *("<p>With 1 seed &lt;b&gt;. Numbers", "<li>gv &amp; so on.</li>", "<li>More steps.</li>"),
        *("<p>Closer by &lt;i&gt;.</p>", 'src="../results/benchmark/crops/a/b.png"', "<span>25.00 dB</span>"),
        'src="benchmark/figures/tradeoff.svg"',
    ):
        assert (part in text) == bool(here)
    assert "Another network" not in text
    assert ("There is no evidence yet" in text) == (not here)
    assert (f"{len(here)} of the {len(runs)} trainings" in text) == bool(lacking)


def test_the_readme_says_what_the_front_page_says(repository, benchmark):
    first, readme = first_screen(benchmark), (repository / "README.md").read_text(encoding="utf-8")
    text = " ".join(readme.split())
    assert all(sentence in text for sentence in first["sentences"])
    assert all(f'src="{tile["address"]}"' in readme for tile in first["tiles"])
    assert f"reports/{ANSWER}/figures/{first['figure']['name']}.svg" in readme


def test_the_committed_front_page_is_what_the_committed_results_say(repository, tmp_path, benchmark, benchmark_answers):
    """Whoever changes results or rules draws the benchmark's pages again: make report STUDY=benchmark."""
    study = benchmark
    assert study.params.study == ANSWER
    found = [answer._asdict() for answer in benchmark_answers]
    assert read_json(study.paths.answer) == {"first": first_screen(study), "answers": found}
    committed = (repository / FRONT_PAGE).read_text()
    shutil.copytree(repository / "studies", tmp_path / "studies")
    for key in study.runs["run"]:
        write_json(paths(ANSWER, tmp_path).run(key).metrics, {})
    for path in (study.paths.answer, study.paths.claims):
        shutil.copy(path, paths(ANSWER, tmp_path).results)
    if study.paths.page.is_file():
        write_text(paths(ANSWER, tmp_path).page, "")
    write_front_page(tmp_path)
    assert (tmp_path / FRONT_PAGE).read_text() == committed
