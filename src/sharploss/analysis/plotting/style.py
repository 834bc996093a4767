"""What all figures share: fonts, colours, panels, legends, and files that are the same every time."""

from __future__ import annotations

import io
import re
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter

from sharploss.utils.files import write_bytes
from sharploss.utils.optional import optional_package

MUTED = "#666666"
MARKERS = "osD^vPX*<>hp"
COLOURS = [
    *("#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc", "#ca9161", "#56b4e9"),
    *("#332288", "#117733", "#999933", "#882255", "#44aa99", "#aa4499", "#cc6677", "#663300"),
]
"""Seaborn's "colorblind" without what is faint on white or means a guide line (pink, yellow, grey), then the
dark ones of Paul Tol's "muted" and a brown: they differ in lightness as well as in hue."""

DPI = 110  # in which what is drawn is laid out; SVG and PDF files have no resolution
COORDINATES = re.compile(r'\b(?:d|x|y)="[^"]*"|translate\([^)]*\)')
DECIMALS = re.compile(r"(\.\d\d)\d+")
INDENTS = re.compile(r"^ +", re.MULTILINE)

WIDTH = 7.0  # inches: the width of a page's text; a column of two is half of it
LETTERS = 13  # how many letters of 8 pt fit into an inch
LineStyle = dict[str, Any]  # how a line is drawn: keyword arguments of `Axes.plot`


@contextmanager
def style() -> Generator[None]:
    """Draw and save with seaborn's white grid, 9 pt DejaVu (ships with matplotlib) and reproducible SVG."""
    import matplotlib as mpl

    sns = optional_package("seaborn")
    settings: dict[Any, Any] = {
        **sns.axes_style("whitegrid"),
        "font.family": "DejaVu Sans",
        "font.size": 9.0,
        "axes.labelsize": 8.0,
        "axes.titlesize": 8.0,
        "axes.edgecolor": "#999999",
        "grid.color": "#e4e4e4",
        "xtick.labelsize": 7.5,
        "ytick.labelsize": 7.5,
        "legend.fontsize": 8.0,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.formatter.useoffset": False,
        "axes.titley": 1.0,  # a place of its own: to look for one costs a third of the time
        "text.parse_math": False,  # a name may hold dollars
        "svg.fonttype": "path",  # needs no font where it is shown
        "svg.hashsalt": "sharploss",
        "pdf.fonttype": 42,  # letters stay letters: PDFs are for readers' own articles
    }
    with mpl.rc_context():
        mpl.rcdefaults()  # not the user's own settings, which may ask for LaTeX
        mpl.rcParams.update(settings)
        yield


def new_figure(width: float, height: float) -> Figure:
    """Make an empty figure of `width` x `height` inches whose parts keep clear of each other."""
    return Figure(figsize=(width, height), dpi=DPI, layout="constrained")


def panel_figure(
    titles: Iterable[str], columns: int, height: float, left: float = 0.0, **sharing: Any
) -> tuple[Figure, dict[str, Axes]]:
    """Make a figure with a titled panel per title, in rows of `columns`; the names of rows take `left` inches."""
    names = list(dict.fromkeys(titles))
    across = min(columns, len(names))
    rows, width = -(-len(names) // across), max(3.4, WIDTH * across / columns)
    texts = [wrapped(name, round(LETTERS * ((width - left) / across - 0.35))) for name in names]
    figure = new_figure(width, rows * (height + 0.13 * max(text.count("\n") for text in texts)))
    panels = list(figure.subplots(rows, across, squeeze=False, **sharing).flat)
    for axes in panels[len(names) :]:
        axes.remove()
    for text, axes in zip(texts, panels, strict=False):
        axes.set_title(text)
    return figure, dict(zip(names, panels, strict=False))


def line_styles(names: Iterable[str], reference: str = "") -> dict[str, LineStyle]:
    """Return a colour and a marker per name, so that nothing is told by colour alone; the reference is black."""
    sns = optional_package("seaborn")

    known = list(dict.fromkeys(names))
    others = [name for name in known if name != reference]
    palette = sns.color_palette("husl", len(others)) if len(others) > len(COLOURS) else COLOURS
    colours = dict.fromkeys(known, to_rgb("black")) | dict(zip(others, map(to_rgb, palette), strict=False))
    return {name: {"color": colours[name], "marker": MARKERS[index % len(MARKERS)]} for index, name in enumerate(known)}


def log_scale(axes: Axes, which: Literal["x", "y"] = "y") -> None:
    """Use a logarithmic scale that says its numbers as they are; where no number is above 0 the scale stays."""
    axis = axes.yaxis if which == "y" else axes.xaxis
    if not 0 < axis.get_minpos() < float("inf"):
        return
    axes.set(**{f"{which}scale": "log"})
    low, high = axis.get_view_interval()
    # Within less than a decade two of 1, 2 and 5 may not be found, and then matplotlib's own choice crowds the axis.
    wide = 200 if which == "y" else 20  # numbers are wider than high
    subs = (1,) if high > wide * low else (1, 2, 5) if high > 5 * low else (1, 1.5, 2, 3, 4, 5, 7)
    axis.set_major_locator(LogLocator(subs=subs, numticks=6))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


def wrapped(text: str, letters: int) -> str:
    """Break a text after spaces and within long names after hyphens and underscores; an arrow stays with its word."""
    glued = re.sub(r" (?=\W\d?$)", "\N{NO-BREAK SPACE}", text)
    lines = [""]
    for part in re.findall(rf"[^ _-]{{1,{max(1, letters)}}}[ _-]*|[ _-]+", glued):
        if lines[-1] and len(lines[-1] + part.rstrip()) > letters:
            lines.append("")
        lines[-1] += part
    return "\n".join(line.rstrip() for line in lines).replace("\N{NO-BREAK SPACE}", " ")


def spread(low: float, high: float, least: float, margin: float = 0.0) -> tuple[float, float]:
    """Return the ends of an axis that shows a range: at least as long as `least`, and a margin (a share of it) more."""
    middle, half = (low + high) / 2, max(high - low, least) / 2 * (1 + 2 * margin)
    return middle - half, middle + half


def widen(axes: Axes, least: float, which: Literal["x", "y"] = "y") -> None:
    """Show at least this much of an axis, so that what counts for nothing does not look large."""
    low, high = getattr(axes, f"get_{which}lim")()
    axes.set(**{f"{which}lim": spread(min(low, high), max(low, high), least)})


def legend_below(figure: Figure, looks: dict[str, LineStyle]) -> None:
    """Explain the lines below the panels, a handle per name; the figure grows by what that takes."""
    if not looks:
        return
    width = figure.get_figwidth()
    names = {name: wrapped(name, round(LETTERS * (width - 1))) for name in looks}
    longest = max(len(line) for name in names.values() for line in name.splitlines())
    columns = min(len(looks), max(1, int(width / (longest / LETTERS + 0.6))))
    usual: LineStyle = {"lw": 1.4, "ms": 5}
    handles = [Line2D([], [], label=names[name], **(usual | look)) for name, look in looks.items()]
    lines = sum(name.count("\n") + 1 for name in names.values())
    figure.set_figheight(figure.get_figheight() + 0.1 + 0.18 * -(-lines // columns))
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, frameon=False)


def save(figure: Figure, folder: Path, name: str, title: str = "", kind: Literal["svg", "pdf"] = "svg") -> None:
    """Write `<name>.svg` or .pdf, which says its title; the same figure gives the same bytes every time."""
    from matplotlib.backends.backend_pdf import FigureCanvasPdf
    from matplotlib.backends.backend_svg import FigureCanvasSVG

    drawn, titled = io.BytesIO(), {"Title": title} if title else {}
    with style():
        figure.set_dpi(DPI)  # which the SVG has changed where the figure was saved before
        engine: Any = figure.get_layout_engine()
        engine.execute(figure)
        figure.set_layout_engine("none")  # its work is done, and drawing for it once more would take as long again
        if kind == "pdf":
            FigureCanvasPdf(figure).print_pdf(drawn, metadata={"CreationDate": None, "Creator": None, **titled})
            write_bytes(folder / f"{name}.pdf", drawn.getvalue())
            return
        FigureCanvasSVG(figure).print_svg(drawn, metadata={"Date": None, "Creator": None, **titled})
    # A hundredth of a point is finer than any screen or printer, and a third of the file; indents are a twentieth.
    rounded = COORDINATES.sub(lambda found: DECIMALS.sub(r"\1", found[0]), drawn.getvalue().decode("utf-8"))
    write_bytes(folder / f"{name}.svg", INDENTS.sub("", rounded).encode("utf-8"))
