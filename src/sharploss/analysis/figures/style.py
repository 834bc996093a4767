"""What all figures share: fonts, colours, labels that do not overlap, and files that are the same every time."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sharploss.files import atomic_path

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox

GREY = "#666666"
REFERENCE = "l1"
MARKERS = "osD^vPX*<>hp"
Point = tuple[float, float]
Palette = dict[str, tuple[float, float, float]]
DPI = 160


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
        "savefig.dpi": DPI,
        "svg.fonttype": "path",  # needs no font where it is shown
        "svg.hashsalt": "sharploss",
    }
    with mpl.rc_context(settings):
        yield


def new_figure(width: float, height: float) -> Figure:
    """Make an empty figure of `width` x `height` inches whose parts keep clear of each other."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def colours(names: Iterable[str]) -> Palette:
    """Give each name a colour that colour-blind readers can tell apart; L1, the reference, is black.

    More than eight others get evenly spread colours instead, which are harder to tell apart.
    """
    import seaborn as sns

    others = [name for name in dict.fromkeys(names) if name != REFERENCE]
    # Not the grey, which bicubic and guide lines have, and not the yellow, which is faint on white.
    base = [colour for index, colour in enumerate(sns.color_palette("colorblind")) if index not in (7, 8)]
    palette = base if len(others) <= len(base) else sns.color_palette("husl", len(others))
    return {REFERENCE: (0.0, 0.0, 0.0)} | dict(zip(others, map(_rgb, palette), strict=False))


def _rgb(colour: Sequence[float]) -> tuple[float, float, float]:
    return (float(colour[0]), float(colour[1]), float(colour[2]))


def markers(names: Iterable[str]) -> dict[str, str]:
    """Give each name a marker, so that nothing is told by colour alone."""
    return {name: MARKERS[index % len(MARKERS)] for index, name in enumerate(dict.fromkeys(names))}


def legend_below(figure: Figure, palette: Palette, shapes: dict[str, str], reference: str = "") -> None:
    """Explain the lines below the panels: a colour and a marker per name, and the dashed line where there is one."""
    from matplotlib.lines import Line2D

    lines = [
        Line2D([], [], color=palette[name], marker=shape, lw=1.4, ms=5, label=name) for name, shape in shapes.items()
    ]
    if reference:
        lines.append(Line2D([], [], color="black", ls="--", lw=1, label=reference))
    figure.legend(handles=lines, loc="outside lower center", ncols=min(5, len(lines)), frameon=False)


def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write `<name>.png` and `<name>.svg`; the same figure gives the same bytes every time.

    Returns:
        the two paths.
    """
    paths = [folder / f"{name}.png", folder / f"{name}.svg"]
    metadata: list[dict[str, str | None]] = [{"Software": None}, {"Date": None, "Creator": None}]
    with style():
        figure.draw_without_rendering()
        figure.set_layout_engine("none")  # its work is done: both files have the same places, in half the time
        for path, about in zip(paths, metadata, strict=True):
            with atomic_path(path) as temporary:
                figure.savefig(temporary, format=path.suffix[1:], metadata=about, facecolor="white")
    return paths


def label_points(axes: Axes, points: Sequence[Point], texts: Sequence[str], keep_clear: Sequence[Point] = ()) -> None:
    """Write a text beside each point where it covers no other text or point; farther ones get a thin line.

    Call it when the limits of the axes are final. Where no free place is left, the nearest one is taken.

    Args:
        axes: the axes.
        points: (x, y) in data units.
        texts: one per point.
        keep_clear: more points that no text may cover.
    """
    figure = axes.get_figure(root=True)
    assert figure is not None
    figure.draw_without_rendering()
    pixel = figure.dpi / 72
    taken = [_box(axes, point, 4 * pixel) for point in points] + [_box(axes, point, pixel) for point in keep_clear]
    for point, text in zip(points, texts, strict=True):
        taken.append(_place(axes, point, text, taken, pixel))


def _place(axes: Axes, point: Point, text: str, taken: list[Bbox], pixel: float) -> Bbox:
    note = axes.annotate(text, point, xytext=(0, 0), textcoords="offset points", fontsize=8, va="center")
    size, inside, spot = note.get_window_extent(), axes.get_window_extent(), _box(axes, point, 0)
    options = [_offset(radius, step, size, pixel) for radius in (6, 11, 17, 24, 32, 42) for step in range(16)]
    left, middle = spot.x0 - size.x0, spot.y0 - (size.y0 + size.y1) / 2
    boxes = [size.translated(left + x * pixel, middle + y * pixel) for x, y in options]
    free = [i for i, box in enumerate(boxes) if _inside(box, inside) and box.count_overlaps(taken) == 0]
    best = free[0] if free else 0
    note.set_position(options[best])
    if best >= 2 * 16:  # beyond the two nearest rings it is no longer clear whose label it is
        x, y = options[best]
        end = (x + min(max(0.0, -x), size.width / pixel), y)
        arrow: dict[str, Any] = {"arrowstyle": "-", "color": GREY, "lw": 0.6, "shrinkA": 2, "shrinkB": 3}
        axes.annotate("", point, xytext=end, textcoords="offset points", arrowprops=arrow)
    return boxes[best].padded(2 * pixel)


def _offset(radius: float, step: int, size: Bbox, pixel: float) -> tuple[float, float]:
    """Give the place of the text's left middle, in points, `step` sixteenths of a turn around the point."""
    from math import cos, pi, sin

    x, y = cos(step * pi / 8), sin(step * pi / 8)
    width, height = size.width / pixel, size.height / pixel
    return radius * x + (x - 1) / 2 * width, radius * y + y / 2 * height


def _box(axes: Axes, point: Point, radius: float) -> Bbox:
    """Give the square around a point, in pixels of the screen."""
    from matplotlib.transforms import Bbox

    x, y = axes.transData.transform(point)
    return Bbox.from_extents(x - radius, y - radius, x + radius, y + radius)


def _inside(box: Bbox, outer: Bbox) -> bool:
    return box.x0 >= outer.x0 and box.x1 <= outer.x1 and box.y0 >= outer.y0 and box.y1 <= outer.y1
