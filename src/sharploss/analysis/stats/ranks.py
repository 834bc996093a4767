"""Ranks of losses across networks, test sets and metrics, with descriptive bootstrap intervals over images."""

from __future__ import annotations

import zlib
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from sharploss.analysis.measures import badness
from sharploss.analysis.stats.intervals import TRAINED
from sharploss.config.protocols import WHOLE_SET

if TYPE_CHECKING:
    import pandas as pd

Floats = npt.NDArray[np.float64]
RESAMPLES = 2_000
EXACT = 1e6
"""What counts for an infinite score, of a loss that restores every image exactly: it beats every other number."""

CONTEXT = [*TRAINED, "dataset", "metric", "protocol"]


class RankedCell(NamedTuple):
    """The ranks of one cell.

    Attributes:
        about: task, network, recipe, dataset, metric, protocol.
        images: how many all losses have scores of; 1 for a number of a whole set.
        observed: (losses,).
        drawn: (RESAMPLES, losses).
    """

    about: dict[str, str]
    images: int
    observed: Floats
    drawn: Floats


def ranks(scores: pd.DataFrame) -> pd.DataFrame:
    """Rank the losses in every cell (network, test set, measure) and average the ranks.

    A loss without scores in a cell that others have shares the last rank there: a run that diverged is a result.
    Images are resampled, the same ones for all tasks, networks, losses and measures of a test set; seeds are averaged.
    The interval holds 95 % of the ranks that resampled images give: it describes how firm the order is on these images
    and these trainings, and is no confidence interval. Single numbers of a whole set, such as FID, do not vary in it.

    Args:
        scores: rows of Study.scores of one suite, input baselines left out.

    Returns:
        Columns loss, rank (1 is best), low, high, cells; the best rank first. No rows without scores.
    """
    return average(ranked_cells(scores), list(dict.fromkeys(scores["loss"])))


def ranked_cells(scores: pd.DataFrame) -> list[RankedCell]:
    """Rank the losses of every cell; arguments as in `ranks`."""
    losses = list(dict.fromkeys(scores["loss"]))
    if scores.empty:
        return []
    # One pivot and plain arrays: pandas takes milliseconds for every small frame, and there are hundreds.
    table = scores.pivot_table(index=[*CONTEXT, "image"], columns="loss", values="value").reindex(columns=losses)
    places = table.index.to_frame(index=False).groupby(CONTEXT, sort=False).indices
    values, keys = (
        table.to_numpy(dtype=np.float64),
        scores[CONTEXT].drop_duplicates().itertuples(index=False, name=None),
    )
    known = {str(name): sorted(set(part) - {WHOLE_SET}) for name, part in scores.groupby("dataset")["image"]}
    images = table.index.get_level_values("image").to_numpy(dtype=str)
    cells = (_cell(key, values[places[key]], images[places[key]], known[key[3]]) for key in keys if key in places)
    return [cell for cell in cells if cell.images]


def average(cells: list[RankedCell], losses: list[str]) -> pd.DataFrame:
    """Average the ranks of cells; returns what `ranks` does."""
    import pandas as pd

    columns = ["loss", "rank", "low", "high", "cells"]
    if not cells:
        return pd.DataFrame(columns=columns)
    mean = np.mean([cell.observed for cell in cells], axis=0)
    low, high = np.quantile(sum(cell.drawn for cell in cells) / len(cells), [0.025, 0.975], axis=0)
    rows = zip(losses, mean, low, high, [len(cells)] * len(losses), strict=True)
    return pd.DataFrame(rows, columns=columns).sort_values("rank", kind="stable", ignore_index=True)


def _cell(key: tuple[str, ...], values: Floats, images: npt.NDArray[np.str_], known: list[str]) -> RankedCell:
    """Rank the losses of one cell, of (images, losses) values, NaN where there is no score.

    Images that not all losses with scores have do not count; the same ones of all `known` are drawn for every cell.
    """
    about = dict(zip(CONTEXT, key, strict=True))
    shared = ~np.isnan(values[:, ~np.isnan(values).all(axis=0)]).any(axis=1)
    images, values = images[shared], np.asfortranarray(np.nan_to_num(values[shared], nan=np.nan, posinf=EXACT))
    if not len(images):
        return RankedCell(about, 0, np.empty(0), np.empty(0))
    if len(images) == len(known) or WHOLE_SET in images:
        weights = draws(about["dataset"], len(images), RESAMPLES)
    else:
        weights = draws(about["dataset"], len(known), RESAMPLES)[:, np.searchsorted(known, images)]
        weights = weights / np.maximum(weights.sum(axis=1, keepdims=True), 1e-9)
    worse = badness(about["metric"], np.concatenate([values.mean(axis=0)[None], weights @ values]))
    found = ranked(np.where(np.isnan(worse), np.inf, worse))
    return RankedCell(about, len(values), found[0], found[1:])


def ranked(worse: Floats) -> Floats:
    """Rank each row of (rows, losses): 1 is the smallest, equal ones share the mean of their ranks."""
    rows = np.ascontiguousarray(worse.T)  # a loss after the other: arrays of all pairs are large and slow
    smaller, equal = np.zeros(rows.shape, np.int32), np.zeros(rows.shape, np.int32)
    for other in rows:
        smaller += other < rows
        equal += other == rows
    return np.ascontiguousarray((1 + smaller + (equal - 1) / 2).T)


@cache
def draws(name: str, images: int, resamples: int) -> Floats:
    """Return how often each image is drawn, as shares, (resamples, images); the same for the same name and sizes."""
    generator = np.random.default_rng(zlib.crc32(name.encode()))
    return generator.multinomial(images, np.full(images, 1 / images), resamples) / images
