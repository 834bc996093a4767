import itertools

import matplotlib as mpl
import overlaps
import pytest

from sharploss.analysis.plotting import style


@pytest.fixture
def figure():
    with style.style():
        made = style.new_figure(4, 3)
        made.subplots().plot([1, 2, 3], [2.5, 1.0, 2.0], marker="o")
        yield made


def test_the_same_figure_gives_the_same_bytes(figure, tmp_path):
    for name in "ab":
        style.save(figure, tmp_path, name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()


def test_svg_needs_no_font_and_tells_no_date(figure, tmp_path):
    style.save(figure, tmp_path, "a")
    text = (tmp_path / "a.svg").read_text()
    assert "<text" not in text
    assert "font-family" not in text
    assert "dc:date" not in text


def test_a_pdf_has_the_same_bytes_each_time_and_letters(figure, tmp_path):
    for name in "ab":
        style.save(figure, tmp_path, name, "A title", "pdf")
    first, second = ((tmp_path / f"{name}.pdf").read_bytes() for name in "ab")
    assert first == second
    assert b"/FontFile2" in first


def colours(names):
    return {name: look["color"] for name, look in style.line_styles(names, "l1").items()}


def test_every_loss_has_its_own_colour_and_marker():
    names = ["l1", "l2", "charbonnier", "ssim", "l1_tv", "l1_gv", "l2_gv", "l1_second_order", "sploss"]
    assert colours(names)["l1"] == (0.0, 0.0, 0.0)
    assert len(set(colours(names).values())) == len(names)
    assert len({look["marker"] for look in style.line_styles(names, "l1").values()}) == len(names)
    assert len(set(colours(map(str, range(20))).values())) == 20


def test_a_loss_keeps_its_colour_when_others_follow():
    few, many = style.line_styles(["l1", "l2"]), style.line_styles(["l1", "l2", "ssim"])
    assert few["l2"] == many["l2"]


def test_colours_keep_apart_from_each_other_and_from_white():
    found = list(colours(["l1", *map(str, range(len(style.COLOURS)))]).values())
    # Relative luminance: twice as dark as white at least.
    assert all(0.2126 * r**2.2 + 0.7152 * g**2.2 + 0.0722 * b**2.2 < 0.45 for r, g, b in found)
    for one, other in itertools.combinations(found, 2):
        assert sum((a - b) ** 2 for a, b in zip(one, other, strict=True)) ** 0.5 > 0.14, (one, other)


def test_an_arrow_stays_with_its_word():
    assert style.wrapped("Overshoot Y (levels) \N{DOWNWARDS ARROW}", 20).splitlines()[1].startswith("(levels)")
    assert style.wrapped("PSNR Y (dB) \N{UPWARDS ARROW}", 20).count("\n") == 0
    assert style.wrapped("Gradient-variance ratio grey \N{RIGHTWARDS ARROW}1", 20).splitlines()[1].startswith("ratio")


def test_long_names_are_broken_at_their_joints_and_nothing_is_lost():
    assert style.wrapped("l1-mini_features", 12) == "l1-mini_\nfeatures"
    assert style.wrapped("sharpgan-mini_gan_same_size", 16) == "sharpgan-mini_\ngan_same_size"
    assert style.wrapped("l1_second_order", 15) == "l1_second_order"
    assert style.wrapped("a title of words", 8) == "a title\nof words"
    assert style.wrapped("", 8) == ""


@pytest.mark.parametrize("letters", [1, 7, 20])
@pytest.mark.parametrize(
    "text", ["a" * 60, "_".join("abcdefghij") * 3, "$x_1$ & 50 % <b>", "__", "a--b__c", "PSNR Y (dB) \N{UPWARDS ARROW}"]
)
def test_whatever_is_broken_keeps_its_letters_and_its_width(text, letters):
    lines = style.wrapped(text, letters).splitlines()
    assert "".join("".join(lines).split()) == "".join(text.split())
    assert max(map(len, lines)) <= max(letters, 1) + 2  # a joint or an arrow stays with what is before it


def test_a_legend_of_long_names_stays_inside_the_figure():
    with style.style():
        made = style.new_figure(4, 2)
        made.subplots()
        style.legend_below(made, {f"{'long_name_' * 7}{at}": {"ls": "-"} for at in range(3)})
        assert overlaps.outside(made) == []
        assert overlaps.covered(made) == []


def test_dollars_are_no_formula():
    with style.style():
        made = style.new_figure(4, 2)
        made.subplots().set_title("$x_$ 50 % \\frac{ & <b>")
        made.draw_without_rendering()


def drawn(folder):
    with style.style():
        figure, panels = style.panel_figure(["a"], 1, 1.0)
        panels["a"].plot([-3000.5, 1000.25], [-1, 2])
        style.save(figure, folder, "figure")
    return (folder / "figure.svg").read_bytes()


@pytest.fixture(scope="module")
def usual(tmp_path_factory):
    """A figure drawn with matplotlib's own settings."""
    return drawn(tmp_path_factory.mktemp("usual"))


@pytest.mark.parametrize(
    "own",
    [
        {"text.usetex": True},
        {"figure.dpi": 7.0, "savefig.dpi": 7.0},
        {"savefig.transparent": True},
        {"lines.linewidth": 9.0, "axes.prop_cycle": "cycler('color', ['r'])"},
        {"axes.xmargin": 0.4, "xtick.direction": "in"},
        {"savefig.bbox": "tight"},
        {"figure.constrained_layout.h_pad": 2.0},
        {"path.sketch": (1.0, 100.0, 2.0)},
        {"axes.unicode_minus": False, "axes.formatter.limits": (0, 1)},
    ],
    ids="+".join,
)
def test_a_users_own_settings_of_matplotlib_change_no_figure(tmp_path, usual, own):
    with mpl.rc_context(own):
        assert drawn(tmp_path) == usual
