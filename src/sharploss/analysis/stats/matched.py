"""Losses at matched PSNR: what each scores beside the best that SPLoss, at any alpha, reaches at its PSNR or more.

Less LPIPS at less PSNR is a price, not yet a gain; SPLoss's alpha buys one with the other, so that its curve says what
a given PSNR can buy.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple, cast

import numpy as np
import pandas as pd

from sharploss.analysis.measures import Floats, badness, direction, fidelity
from sharploss.analysis.stats.effect_sizes import Variance, assumed, ends, of_images, of_mean, of_seeds, smallest
from sharploss.analysis.stats.intervals import ROW, TRAINED
from sharploss.analysis.stats.smallest import SMALLEST, counts
from sharploss.analysis.study import CACHED_STUDIES, Study
from sharploss.config.protocols import REFERENCES

PERCEPTUAL = ("lpips", "gradient_variance_ratio", "niqe")
"""What losses are judged by at matched PSNR; the first is what weights are chosen by."""

COLUMNS = [*ROW, "dataset", "metric", "protocol", "place", "end", "alpha", "reached", "value", "difference", "low",
           "high", "images", "seeds", "smallest"]  # fmt: skip
SCORE = ["loss", "metric", "protocol", "seed"]
ABOVE, WITHIN, BELOW = "above", "within", "below"


class Point(NamedTuple):
    """A point of SPLoss's curve."""

    weights: Floats  # of the trained alphas, (alphas,): 1 of one of them, or shares of two neighbours
    # the slope of the metric along PSNR where the point was found by its PSNR, else 0: how far the point moves when
    # the PSNR that it must match is another
    exchange: float


@lru_cache(maxsize=CACHED_STUDIES)
def matched(study: Study) -> pd.DataFrame:
    """Place every loss beside SPLoss's curve of the same task, network, recipe, test set, images and seeds.

    The curve is that of SPLoss alone by its alpha; at alpha 0, where that was not trained, it is L1, which is the same
    loss. From its highest PSNR on, alphas between the trained ones are interpolated. Returns a row per loss that is no
    SPLoss alone, test set and metric of PERCEPTUAL: place ("above" or "below" the curve's PSNR: no number,
    or "within"), end (the alpha of the curve's end), alpha (the best one at the loss's PSNR or more), reached (its
    score), value (the loss's), difference (value minus reached; paired image by image, seed by seed), low and high (its
    95 % interval), images, seeds, smallest (the difference that counts).
    """
    alphas = study.runs.dropna(subset=["alpha"]).drop_duplicates(ROW)
    trained, rows = study.counted[~study.counted["loss"].isin(REFERENCES)], list[list[object]]()
    for key, part in trained.groupby([*TRAINED, "dataset"], sort=False):
        *block, dataset = cast("tuple[str, ...]", key)
        mine = alphas[(alphas[TRAINED] == block).all(axis=1)]
        curve = {str(loss): float(alpha) for loss, alpha in zip(mine["loss"], mine["alpha"], strict=True)}
        if any(curve.values()):
            found = _placed(study, part, curve, [*block, dataset])
            rows += [[*block, row[0], dataset, *row[1:]] for row in found]
    return pd.DataFrame(rows, columns=COLUMNS)


def _placed(study: Study, part: pd.DataFrame, curve: dict[str, float], where: list[str]) -> list[list[object]]:
    """Place the losses of one network on one test set; the columns are COLUMNS without the first ones."""
    *block, dataset = where
    true, base = fidelity(part["protocol"]), study.references[0]
    found = part[["metric", "protocol"]].drop_duplicates().itertuples(index=False, name=None)
    known = [measure for measure in found if measure[0] in PERCEPTUAL and counts(measure[0], dataset)]
    if 0.0 not in curve.values():
        curve = {base: 0.0, **curve}
    seeds_of = {str(loss): set(seeds) for loss, seeds in part.groupby("loss", sort=False)["seed"]}
    rows: list[list[object]] = []
    wide = part[part["metric"].isin([true[0], *PERCEPTUAL])].set_index([*SCORE, "image"])["value"].unstack("image")
    scores, lacking = dict(zip(wide.index, wide.to_numpy(), strict=True)), np.full(wide.shape[1], np.nan)
    for loss in [loss for loss in seeds_of if loss not in curve and loss != base]:
        seeds, mine = _shared(seeds_of, loss, curve)
        for perceptual in known if seeds else []:
            psnr, score = (
                np.array([[scores.get((name, *measure, seed), lacking) for seed in seeds] for name in (loss, *mine)])
                for measure in (true, perceptual)
            )
            images = np.isfinite(psnr + score).all(axis=(0, 1))
            if images.any():
                psnr, score = (values[:, :, images].swapaxes(1, 2) for values in (psnr, score))
                spreads = [
                    (_spread(study, cell, true), _spread(study, cell, perceptual))
                    for cell in ((*block, name, dataset) for name in (loss, *mine))
                ]
                *place, least = beside(perceptual[0], psnr, score, np.array([*mine.values()]), spreads)
                rows.append([loss, *perceptual, *place, int(images.sum()), len(seeds), least])
    return rows


def _spread(study: Study, cell: tuple[str, ...], measure: tuple[str, str]) -> Variance:
    return study.spreads.get((*cell, *measure), assumed(measure[0]))


def _shared(seeds_of: dict[str, set[int]], loss: str, curve: dict[str, float]) -> tuple[list[int], dict[str, float]]:
    """Return the seeds that a loss shares with the alphas that share most of them, and those, the smallest first."""
    shared = {name: seeds_of[loss] & seeds_of[name] for name in curve if name in seeds_of}
    most = max((len(seeds) for name, seeds in shared.items() if curve[name]), default=0)
    mine = {name: curve[name] for name in sorted(shared, key=curve.__getitem__) if len(shared[name]) >= most}
    return sorted(set.intersection(*(shared[name] for name in mine))) if most else [], mine


def beside(
    metric: str, psnr: Floats, score: Floats, alphas: Floats, spreads: list[tuple[Variance, Variance]]
) -> list[object]:
    """Place a loss beside the curve: place, end, ..., smallest, as `matched` describes them.

    `psnr` and `score` are (1 + alphas, images, seeds), of the loss and then of each of `alphas`, the smallest first;
    `spreads`, in that order, the variances of one training's PSNR and score.
    """
    own, curve = float(psnr[0].mean()), psnr[1:].mean(axis=(1, 2))
    top = int(curve.argmax())
    last = top + int(curve[top:].argmin())
    value, place = float(score[0].mean()), WITHIN
    if own > curve[top] + SMALLEST["psnr"] or own < curve[last] - SMALLEST["psnr"]:
        place = ABOVE if own > curve[top] else BELOW
        end = float(alphas[top if place == ABOVE else last])
        return [place, end, *[np.nan] * 2, value, *[np.nan] * 3, SMALLEST.get(metric, 0.0)]
    points = candidates(metric, float(np.clip(own, curve[last], curve[top])), curve, score[1:].mean(axis=(1, 2)))
    best = min(points, key=lambda point: badness(metric, float(point.weights @ score[1:].mean(axis=(1, 2)))))
    change, dearer = (values[0] - np.tensordot(best.weights, values[1:], 1) for values in (score, psnr))
    # The second part is zero in the mean. Image by image it is what the difference owes to a PSNR that is not matched
    # there, and it makes the interval hold although the point was found from the same images.
    paired = change - best.exchange * (dearer - dearer.mean())
    reached = float((score[0] - change).mean())
    n, rate = psnr.shape[2], best.exchange**2
    seeds = of_seeds(
        Variance(share**2 * (mine.value + rate * true.value) / n, min(mine.freedom, true.freedom))
        for share, (true, mine) in zip([1.0, *best.weights], spreads, strict=True)
    )
    mean, variance = float(paired.mean()), of_mean([of_images(paired.mean(axis=1))], seeds)
    numbers = [mean, *ends(mean, variance), smallest(metric, seeds)]
    return [place, float(alphas[-1]), float(best.weights @ alphas), reached, value, *numbers]


def candidates(metric: str, least: float, psnr: Floats, score: Floats) -> list[Point]:
    """Return the points of a curve with at least this PSNR that can be its best: (alphas,) each, means."""
    n, top = len(psnr), int(psnr.argmax())
    points = [Point(np.eye(n)[at], 0.0) for at in range(n) if psnr[at] >= least]
    for at in range(top, n - 1):
        rise, gain = psnr[at + 1] - psnr[at], score[at + 1] - score[at]
        if min(psnr[at], psnr[at + 1]) < least < max(psnr[at], psnr[at + 1]):
            share = (least - psnr[at]) / rise
            points.append(Point(np.eye(n)[at] * (1 - share) + np.eye(n)[at + 1] * share, gain / rise))
        if direction(metric) == "one" and (score[at] - 1) * (score[at + 1] - 1) < 0:
            share = (1 - score[at]) / gain
            if psnr[at] + share * rise >= least:
                points.append(Point(np.eye(n)[at] * (1 - share) + np.eye(n)[at + 1] * share, 0.0))
    return points
