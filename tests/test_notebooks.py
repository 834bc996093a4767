"""Notebooks are committed as they were executed: with outputs that are small, whole and of no machine."""

import json
import re
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).resolve().parent.parent / "notebooks").glob("*.ipynb"))
MACHINE = re.compile(r"/(home|root|tmp|work|usr|opt|Users|var)/|[Ww]arning|site-packages")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_small_outputs_of_no_machine(path):
    assert path.stat().st_size < 300_000
    cells = json.loads(path.read_text())["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))  # from the top, all of it
    outputs = [output for cell in code for output in cell["outputs"]]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    for output in outputs:
        assert output["output_type"] != "error"
        assert output.get("name") != "stderr"
        data = {name: text for name, text in output.get("data", {}).items() if name != "image/png"}
        assert not MACHINE.search(json.dumps([data, output.get("text", "")]))


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_what_a_notebook_shows_is_told_in_words(path):
    """Each picture or table is followed, or led to, by text."""
    cells = json.loads(path.read_text())["cells"]
    shown = [number for number, cell in enumerate(cells) if cell["cell_type"] == "code" and cell["outputs"]]
    for number in shown:
        beside = cells[number - 1 : number] + cells[number + 1 : number + 2]
        assert any(cell["cell_type"] == "markdown" for cell in beside), number


def test_executing_them_writes_none():
    makefile = (NOTEBOOKS[0].parent.parent / "Makefile").read_text()
    assert "--nbmake notebooks" in makefile
    assert "--overwrite" not in makefile
