import pytest
import yaml

from sharploss.analysis.report.page import ANSWER, write_front_page
from sharploss.config.params import load_params
from sharploss.planning.plan import expand
from sharploss.record.paths import FRONT_PAGE, paths
from sharploss.utils.files import write_json


@pytest.fixture
def runs(repository, tmp_path):
    """The keys of the answering study's runs, whose file is in tmp_path."""
    content = yaml.safe_load((repository / "tests/study.yaml").read_text()) | {"study": ANSWER}
    (tmp_path / "studies").mkdir()
    path = tmp_path / "studies" / f"{ANSWER}.yaml"
    path.write_text(yaml.safe_dump(content))
    return list(expand(load_params(path))["runs"])


@pytest.mark.parametrize("lacking", [0, 1, "all"])
@pytest.mark.parametrize("drawn", [False, True])
def test_a_part_of_the_study_is_no_answer(tmp_path, runs, lacking, drawn):
    files, here = paths(ANSWER, tmp_path), [] if lacking == "all" else runs[lacking:]
    for key in here:
        write_json(files.run(key).metrics, {})
    if drawn:
        write_json(files.summary, {})
    write_front_page(tmp_path)
    text = (tmp_path / FRONT_PAGE).read_text()
    assert (f'href="{ANSWER}/index.html"' in text) == (drawn and not lacking)
    if not drawn or lacking:
        assert "There is no evidence yet" in text
        assert f"of whose {len(runs)} trainings {len(here)} have results" in text
