import io
import json
import zlib
from base64 import b64decode, b64encode

import numpy as np
import pytest
from PIL import Image

from sharploss.analysis.report.figures import figures, load_figure, size_of, within
from sharploss.utils.errors import UserError

SVG = '<?xml version="1.0"?>\n<svg width="432pt" height="288pt" viewBox="0 0 432 288" xmlns="x">{}</svg>'


@pytest.fixture
def folder(tmp_path):
    entries = [("a", "ranks"), ("b", "ranks"), ("c", "alpha"), ("crops_x", "crops")]
    listed = [{"name": name, "section": section, "caption": name, "alt": name} for name, section in entries]
    for name, _ in entries:
        (tmp_path / f"{name}.svg").write_text(SVG.format(name * 300))
    listed.append({"name": "d", "section": "gv", "caption": "d", "alt": "d", "not_drawn": "no data"})
    (tmp_path / "figures.json").write_text(json.dumps(listed))
    return tmp_path


def test_figures_are_sorted_into_sections_and_come_back_whole(folder):
    found = figures(folder)
    assert {name: [entry["name"] for entry in part] for name, part in found.sections.items()} == {
        "ranks": ["a", "b"],
        "alpha": ["c"],
    }
    assert found.skipped == [{"name": "d", "reason": "no data"}]
    for name, picture in found.pictures.items():
        assert picture["kind"] == "svg"
        assert zlib.decompress(b64decode(picture["data"])) == (folder / f"{name}.svg").read_bytes()
    entry = found.sections["alpha"][0]
    assert (entry["file"], entry["width"], entry["height"], entry["inside"]) == ("figures/c.svg", 576, 384, True)


def test_a_png_is_taken_where_it_is_smaller(folder):
    (folder / "a.png").write_bytes(b"small")
    (folder / "b.png").write_bytes(bytes(10_000))
    assert load_figure(folder, "a")[:2] == ("png", b"small")
    assert load_figure(folder, "b").kind == "svg"


def test_a_heavy_figure_is_compressed_with_loss_but_keeps_its_size(folder):
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    Image.fromarray(noise).save(folder / "a.png")
    (folder / "a.svg").write_text(SVG.format(b64encode(noise.tobytes()).decode()))
    found = load_figure(folder, "a")
    assert (found.kind, found.width) == ("webp", 576)
    assert len(found.content) < (folder / "a.png").stat().st_size
    assert Image.open(io.BytesIO(found.content)).size == (200, 200)


def test_every_section_has_its_first_figure_before_any_has_its_second(folder, monkeypatch):
    sizes = {name: len(load_figure(folder, name).content) for name in "abc"}
    monkeypatch.setattr(within, "__defaults__", (sizes["a"] + sizes["c"],))
    found = figures(folder)
    assert list(found.pictures) == ["a", "c"]
    assert [entry["inside"] for part in found.sections.values() for entry in part] == [True, False, True]


def test_what_fits_is_kept_in_order():
    assert within(["a", "b", "c", "d"], {"a": 4, "b": 5, "c": 1, "d": 1}, 6) == ["a", "c", "d"]
    assert within([], {}, 6) == []


@pytest.mark.parametrize(
    ("text", "size"),
    [
        (SVG, (576, 384)),
        ('<svg xmlns="x"/>', (0, 0)),
        ("<svg\n width='1'\n viewBox=\"0 0 1.5 3\">", (2, 4)),
        ("", (0, 0)),
    ],
)
def test_the_size_of_a_drawing(text, size):
    assert size_of(text) == size


@pytest.mark.parametrize("name", ["figures.json", "c.svg"])
def test_a_missing_figure_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(UserError, match=f"{name} is missing"):
        figures(folder)
