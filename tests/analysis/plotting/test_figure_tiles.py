import numpy as np

from sharploss.analysis.plotting.style import save, style
from sharploss.analysis.plotting.tiles import Strip, Tile, tiles_figure

PICTURE = np.random.default_rng(0).random((12, 12, 3))
MAP = np.random.default_rng(1).normal(size=(12, 12))


def make():
    with style():
        pictures = Strip("crop", [Tile("target", PICTURE), Tile("l1-mini_features", PICTURE / 2, "6.1 dB")])
        return tiles_figure([pictures, Strip("map", [Tile("", None), Tile("", MAP)], "signed")])


def test_pictures_are_shown_unchanged_and_gaps_stay_empty():
    figure = make()
    first, second, gap, below = figure.axes[:4]
    assert np.array_equal(first.get_images()[0].get_array(), PICTURE)
    assert (second.get_title().replace("\n", ""), second.get_xlabel()) == ("l1-mini_features", "6.1 dB")
    assert not gap.get_images()
    assert np.array_equal(below.get_images()[0].get_array(), MAP)
    assert [axes.get_ylabel() for axes in (first, gap)] == ["crop", "map"]


def test_signed_maps_are_around_white():
    low, high = make().axes[3].get_images()[0].get_clim()
    assert low == -high < 0


def test_the_svg_holds_raw_pixels_and_the_file_is_the_same_every_time(tmp_path):
    for name in "ab":
        save(make(), tmp_path, name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert (tmp_path / "a.svg").read_bytes().count(b"image-rendering") >= 3
