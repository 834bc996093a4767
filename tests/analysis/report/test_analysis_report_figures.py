import json

import pytest

from sharploss.analysis.report.page import figures
from sharploss.utils.errors import UserError


@pytest.fixture
def folder(tmp_path):
    entries = [("a", "ranks"), ("c", "alpha"), ("b", "ranks")]
    same = {"title": "", "caption": "", "alt": "", "appendix": False, "paper": ""}
    listed = [{"name": name, "section": section, **same} for name, section in entries]
    for name, _ in entries:
        (tmp_path / f"{name}.svg").write_text("<svg/>")
    listed.append({"name": "d", "section": "", **same, "not_drawn": "no data"})
    (tmp_path / "figures.json").write_text(json.dumps(listed))
    return tmp_path


def test_figures_are_sorted_into_sections_and_what_was_not_drawn(folder):
    sections, skipped = figures(folder)
    names = {section: [entry["name"] for entry in part] for section, part in sections.items()}
    assert names == {"ranks": ["a", "b"], "alpha": ["c"]}
    assert [(entry["name"], entry["not_drawn"]) for entry in skipped] == [("d", "no data")]


@pytest.mark.parametrize("name", ["figures.json", "c.svg"])
def test_a_missing_figure_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(UserError, match=f"{name} is missing"):
        figures(folder)
