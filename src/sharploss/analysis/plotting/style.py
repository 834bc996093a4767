"""What all figures share: fonts, colours, room for lines, and files that are the same every time."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from sharploss.utils.files import write_bytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

GREY = "#666666"
REFERENCE = "l1"
MARKERS = "osD^vPX*<>hp"
COLOURS = [
    *("#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc", "#ca9161", "#56b4e9"),
    *("#332288", "#117733", "#999933", "#882255", "#44aa99", "#aa4499", "#cc6677", "#663300"),
]
"""Seaborn's "colorblind" without what is faint on white or means a guide line (pink, yellow, grey), then the
dark ones of Paul Tol's "muted" and a brown: they differ in lightness as well as in hue."""

Palette = dict[str, tuple[float, float, float]]
DPI, DPI_PICTURES = 140, 100
"""Of PNG files of lines, and of pictures. The SVG files beside them have no resolution."""

COORDINATES = re.compile(r'\b(?:d|x|y)="[^"]*"|translate\([^)]*\)')
ASIDES = re.compile(r"<!--.*?-->|<metadata>.*?</metadata>|^ +", re.DOTALL | re.MULTILINE)
EMBEDDED = re.compile(r"(data:image/png;base64,)([A-Za-z0-9+/=\s]+)")
DECIMALS = re.compile(r"(\.\d\d)\d+")

WIDTH = 7.0
"""Inches: the width of a page's text; a column of two is half of it."""


@contextmanager
def style() -> Generator[None]:
    """Draw and save with seaborn's white grid, 9 pt DejaVu (ships with matplotlib) and reproducible SVG."""
    import matplotlib as mpl
    import seaborn as sns

    settings: dict[Any, Any] = {
        **sns.axes_style("whitegrid"),
        "font.family": "DejaVu Sans",
        "font.size": 9.0,
        "axes.labelsize": 9.0,
        "axes.titlesize": 9.0,
        "axes.edgecolor": "#999999",
        "grid.color": "#e4e4e4",
        "xtick.labelsize": 8.0,
        "ytick.labelsize": 8.0,
        "legend.fontsize": 8.0,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.formatter.useoffset": False,
        "svg.fonttype": "path",  # needs no font where it is shown
        "svg.hashsalt": "sharploss",
    }
    with mpl.rc_context(settings):
        yield


def new_figure(width: float, height: float, layout: Literal["constrained", "compressed"] = "constrained") -> Figure:
    """Make an empty figure of `width` x `height` inches whose parts keep clear of each other."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout=layout)


def panels_of(figure: Figure, count: int, columns: int, **sharing: Any) -> list[Axes]:
    """Divide a figure into `count` panels in rows of at most `columns`, and remove what is left of the last row."""
    across = min(columns, count)
    panels = list(figure.subplots(-(-count // across), across, squeeze=False, **sharing).flat)
    for axes in panels[count:]:
        axes.remove()
    return panels[:count]


def colours(names: Iterable[str]) -> Palette:
    """Give each name a colour that colour-blind readers can tell apart; L1, the reference, is black.

    More others than `COLOURS` get evenly spread colours instead, which are harder to tell apart.
    """
    import seaborn as sns

    others = [name for name in dict.fromkeys(names) if name != REFERENCE]
    many = len(others) > len(COLOURS)
    palette = sns.color_palette("husl", len(others)) if many else sns.color_palette(COLOURS)
    return {REFERENCE: (0.0, 0.0, 0.0)} | dict(zip(others, map(_rgb, palette), strict=False))


def _rgb(colour: Sequence[float]) -> tuple[float, float, float]:
    return (float(colour[0]), float(colour[1]), float(colour[2]))


def markers(names: Iterable[str]) -> dict[str, str]:
    """Give each name a marker, so that nothing is told by colour alone."""
    return {name: MARKERS[index % len(MARKERS)] for index, name in enumerate(dict.fromkeys(names))}


def level(axes: Axes, value: float, **look: Any) -> None:
    """Draw a line across at a value, and make room for it: by itself it may come to lie on the edge of the axes."""
    axes.axhline(value, **look)
    axes.update_datalim([(axes.dataLim.x0, value)], updatex=False)
    axes.autoscale_view()


def wrapped(text: str, letters: int) -> str:
    """Break a title at spaces; an arrow stays with the word before it."""
    from textwrap import fill

    joined = re.sub(r" (?=\W+\d?$)", "\N{NO-BREAK SPACE}", text)
    return fill(joined, letters).replace("\N{NO-BREAK SPACE}", " ")


def legend_below(
    figure: Figure, palette: Palette, shapes: dict[str, str], reference: str = "", columns: int = 3
) -> None:
    """Explain the lines below the panels: a colour and a marker per name, and the dashed line where there is one."""
    from matplotlib.lines import Line2D

    lines = [
        Line2D([], [], color=palette[name], marker=shape, lw=1.4, ms=5, label=name) for name, shape in shapes.items()
    ]
    if reference:
        lines.append(Line2D([], [], color="black", ls="--", lw=1, label=reference))
    figure.legend(handles=lines, loc="outside lower center", ncols=min(columns, len(lines)), frameon=False)


def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write `<name>.png` and `<name>.svg`; the same figure gives the same bytes every time.

    Returns:
        the two paths.
    """
    with style():
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # its work is done: both files have the same places, in half the time
        pictures = any(axes.get_images() for axes in figure.axes)
        files = {".png": _png(figure, pictures=pictures), ".svg": _svg(figure)}
    for suffix, content in files.items():
        write_bytes(folder / f"{name}{suffix}", content)
    return [folder / f"{name}{suffix}" for suffix in files]


def _png(figure: Figure, *, pictures: bool) -> bytes:
    """Give a small PNG: lines and letters need no more than 256 colours, and pictures no letters' resolution."""
    from PIL import Image

    drawn, small = io.BytesIO(), io.BytesIO()
    figure.savefig(drawn, format="png", dpi=DPI_PICTURES if pictures else DPI, facecolor="white")
    with Image.open(drawn) as image:
        plain = image.convert("RGB")
        reduced = plain if pictures else plain.quantize(256, dither=Image.Dither.NONE)
        reduced.save(small, format="png", optimize=True)
    return small.getvalue()


def _svg(figure: Figure) -> bytes:
    """Give an SVG whose coordinates have two decimals: a hundredth of a point is finer than any screen or printer."""
    drawn = io.BytesIO()
    figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": None}, facecolor="white")
    text = ASIDES.sub("", drawn.getvalue().decode("utf-8"))
    text = EMBEDDED.sub(lambda found: found[1] + _smaller(found[2]), text)
    return COORDINATES.sub(lambda found: DECIMALS.sub(r"\1", found[0]), text).encode("utf-8")


def _smaller(encoded: str) -> str:
    """Write an embedded PNG again, without alpha where nothing shows through, with a palette where it holds all."""
    from PIL import Image

    small = io.BytesIO()
    with Image.open(io.BytesIO(base64.b64decode(encoded))) as image:
        if image.mode == "RGBA" and image.getextrema()[-1] != (255, 255):
            return encoded
        plain = image.convert("RGB")
        few = plain.getcolors(256) is not None
        (plain.quantize(256, dither=Image.Dither.NONE) if few else plain).save(small, format="png", optimize=True)
    return base64.b64encode(small.getvalue()).decode("ascii")
