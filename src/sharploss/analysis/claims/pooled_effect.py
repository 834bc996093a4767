"""The size of a claimed effect over all of its cells, with an interval over images and seeds."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import cache

import numpy as np
import numpy.typing as npt

from sharploss.analysis.claims.contrasts import Contrast, Scored
from sharploss.analysis.stats.effect_sizes import margins, standard_error
from sharploss.analysis.stats.intervals import widest

Floats = npt.NDArray[np.float64]
RESAMPLES = 4_000


def pooled(found: Sequence[tuple[Contrast, Scored]], *, exact: bool) -> dict[str, dict[str, float | int | None]]:
    """Average the change of each metric over a claim's contrasts.

    Cells share images and seeds, so their errors do not cancel. The contrasts are therefore added up image by image
    within each test set, whatever the task, network or loss (Set5 at x2 and at x4 is the same five images), and seed by
    seed over everything, before their spread is taken. The 95 % interval is made of that as a cell's is
    (`intervals.mean_interval`), with the degrees of freedom of the smallest test set, or of the seeds. Published
    numbers carry no spread: no interval. Nor is there one with one seed where a test set is a single image or number.

    Returns:
        metric -> change (mean, in the metric's unit; + is up, whatever the claim says), low, high, smallest, largest
        (over contrasts), contrasts (how many).
    """
    tables: dict[str, list[tuple[str, Floats, npt.NDArray[np.bool_]]]] = {}
    for contrast, one in found:
        if one.table is not None:
            part = (contrast.cell.dataset, contrast.sense * one.table, one.places)
            tables.setdefault(contrast.cell.metric, []).append(part)
    return {metric: _effect(part, exact=exact) for metric, part in tables.items()}


def _effect(found: list[tuple[str, Floats, npt.NDArray[np.bool_]]], *, exact: bool) -> dict[str, float | int | None]:
    changes = [float(table.mean()) for _, table, _ in found]
    low, high = (None, None) if exact else _interval(found) or (None, None)
    numbers = {"change": float(np.mean(changes)), "low": low, "high": high}
    numbers |= {"smallest": min(changes), "largest": max(changes)}
    rounded = {name: None if value is None else round(value, 9) for name, value in numbers.items()}
    return {**rounded, "contrasts": len(found)}


def _interval(found: list[tuple[str, Floats, npt.NDArray[np.bool_]]]) -> tuple[float, float] | None:
    """Return low and high of the mean over contrasts; None where nothing was drawn twice."""
    by_set: dict[tuple[str, int], Floats] = {}
    by_seed: dict[int, Floats] = {}
    for dataset, table, places in found:
        images, seeds = margins(table / len(found))
        images = _placed(images, places)
        by_set[dataset, len(images)] = by_set.get((dataset, len(images)), np.zeros(len(images))) + images
        by_seed[len(seeds)] = by_seed.get(len(seeds), np.zeros(len(seeds))) + seeds
    mean = float(sum(part.mean() for part in by_set.values()))
    error, freedom = standard_error(*by_set.values(), *by_seed.values())
    if any(seeds > 1 for seeds in by_seed):
        return widest(mean, error, freedom)
    if any(images == 1 for _, images in by_set):
        return None
    drawn = [draws(name, images, RESAMPLES) @ part for (name, images), part in by_set.items()]
    return widest(mean, error, freedom, np.sum(drawn, axis=0))


def _placed(images: Floats, places: npt.NDArray[np.bool_]) -> Floats:
    """Put the values of a contrast where its images are among all of the test set, so that contrasts can be added up.

    An image without a value gets the mean of the others, whose spread is widened for what it does not add.
    """
    if len(images) in (1, len(places)):
        return images
    mean = images.mean()
    placed = np.full(len(places), mean)
    placed[places] = mean + (images - mean) * len(places) / len(images)
    return placed


@cache
def draws(name: str, images: int, resamples: int) -> Floats:
    """Return how often each image is drawn, as shares, (resamples, images); the same for the same name and sizes."""
    generator = np.random.default_rng(zlib.crc32(name.encode()))
    return generator.multinomial(images, np.full(images, 1 / images), resamples) / images
