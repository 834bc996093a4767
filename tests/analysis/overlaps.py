"""Whether the texts of a figure are free of each other and inside it. For tests alone."""

from functools import lru_cache
from itertools import combinations

from matplotlib.text import Text


@lru_cache(maxsize=1)  # the questions below are asked of one figure after the other
def texts_of(figure):
    """Every visible text with letters, and its box in pixels, after the figure has found its layout."""
    figure.draw_without_rendering()
    never = {id(one) for axes in figure.axes for axis in (axes.xaxis, axes.yaxis) for one in beyond(axis)}
    found = [one for one in figure.findobj(Text) if one.get_visible() and one.get_text().strip()]
    return [(one, one.get_window_extent()) for one in found if id(one) not in never]


def beyond(axis):
    """Labels of ticks beyond the limits of an axis: objects that are never drawn."""
    low, high = sorted(axis.get_view_interval())
    slack = 1e-6 * (high - low)
    for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
        if not low - slack <= tick.get_loc() <= high + slack:
            yield from (tick.label1, tick.label2)


def covered(figure, slack=1.5):
    """Pairs of texts that cover each other by more than `slack` pixels, slanted ones left out."""
    straight = [(one, box) for one, box in texts_of(figure) if one.get_rotation() % 90 == 0]
    pairs = []
    for (one, a), (other, b) in combinations(straight, 2):
        wide = min(a.x1, b.x1) - max(a.x0, b.x0)
        high = min(a.y1, b.y1) - max(a.y0, b.y0)
        if wide > slack and high > slack:
            pairs.append((one.get_text(), other.get_text()))
    return pairs


def outside(figure, slack=3):
    """Texts that reach beyond the figure by more than `slack` pixels."""
    page = figure.bbox
    return [
        one.get_text()
        for one, box in texts_of(figure)
        if box.x0 < page.x0 - slack or box.x1 > page.x1 + slack or box.y0 < page.y0 - slack or box.y1 > page.y1 + slack
    ]


def smallest(figure):
    """The size of the smallest text, in points."""
    return min(one.get_fontsize() for one, _ in texts_of(figure))
