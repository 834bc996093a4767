"""Losses that differ in one weight, or in SPLoss's alpha, alone: families, and the sweeps that they make."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import pandas as pd

from sharploss.analysis.stats.intervals import CELL, TRAINED, differences
from sharploss.analysis.study import CACHED_STUDIES, Study
from sharploss.config.loss_spec import LossSpec

TUNABLE = ("weight", "alpha")
COLUMNS = [*CELL, "term", "against", "weight", "value", "baseline", "low", "high"]


class LossFamily(NamedTuple):
    """Losses that differ in one weight or alpha alone."""

    name: str  # its terms ("l1 + gv"), or the loss's own name where nothing was varied
    term: str  # the term whose parameter was varied; "" where nothing was
    parameter: str  # "weight" or "alpha"; "" where nothing was varied
    variants: dict[str, float]  # loss -> the parameter's value, smallest first; NaN where nothing was varied


def families(losses: dict[str, LossSpec]) -> list[LossFamily]:
    """Group losses that differ in one tunable parameter alone, in the order of the first ones; others stand alone."""
    frames: dict[Any, dict[str, float]] = {}
    for name, spec in losses.items():
        parameters = {(term, key): value for term, its in spec.terms.items() for key, value in dict(its).items()}
        for varied in (key for key in parameters if key[1] in TUNABLE):
            rest = frozenset((key, repr(value)) for key, value in parameters.items() if key != varied)
            frames.setdefault((varied, rest), {})[name] = float(parameters[varied])
    swept: list[LossFamily] = []
    for ((term, parameter), _), found in frames.items():
        if len(set(found.values())) > 1:
            name = " + ".join(losses[next(iter(found))].terms)
            swept.append(LossFamily(name, term, parameter, dict(sorted(found.items(), key=lambda one: one[1]))))
    tried = {name for family in swept for name in family.variants}
    alone = [LossFamily(name, "", "", {name: float("nan")}) for name in losses if name not in tried]
    order = {name: place for place, name in enumerate(losses)}
    return sorted([*swept, *alone], key=lambda family: min(order[name] for name in family.variants))


@lru_cache(maxsize=CACHED_STUDIES)
def weight_sweep(study: Study) -> pd.DataFrame:
    """Return the scores of every sweep of a weight: a term of several weights beside a loss of a single term.

    SPLoss alone, by its alpha beside L1, counts where the same network has another sweep to compare it with. Per cell:
    term, against (the loss without it), weight (or alpha), value (mean), baseline (the mean without the term), low and
    high (the paired interval, added to the baseline; NaN of one image); sorted by weight.
    """
    swept = families(study.specs)
    rows = [row for family in swept for row in _swept(study, family)]
    table = pd.DataFrame(rows, columns=["loss", "against", "term", "weight"]).drop_duplicates(["loss", "term"])
    parts = [_against(study, part, str(base)) for base, part in table.groupby("against", sort=False)]
    found = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)
    sweep = [*TRAINED, "term", "against"]
    found = found[found.groupby(sweep)["weight"].transform("nunique") > 1]
    others = found.groupby([*TRAINED, "against"])["term"].transform("nunique") > 1
    by_alpha = {family.term for family in swept if family.parameter == "alpha"}
    found = found[~found["term"].isin(by_alpha) | others]
    return found.sort_values([*sweep, "weight"], kind="stable", ignore_index=True)[COLUMNS]


def _swept(study: Study, family: LossFamily) -> list[tuple[str, str, str, float]]:
    """Return loss, the loss without the term, term and weight of a family's members; [] where it is no such sweep."""
    specs = study.specs
    if family.parameter == "alpha":
        alone = all(len(specs[loss].terms) == 1 for loss in family.variants)
        return [
            (loss, study.references[0], family.term, alpha)
            for loss, alpha in family.variants.items()
            if alone and alpha
        ]
    if not family.term:
        return []
    rest = {name: term for name, term in specs[next(iter(family.variants))].terms.items() if name != family.term}
    bases = [name for name, spec in specs.items() if len(rest) == 1 and spec.terms == rest]
    return [(loss, base, family.term, weight) for base in bases[:1] for loss, weight in family.variants.items()]


def _against(study: Study, table: pd.DataFrame, base: str) -> pd.DataFrame:
    scores = study.counted[study.counted["loss"].isin([base, *table["loss"]])]
    found = differences(scores, [base], study.spreads).drop(columns="against").merge(table, on="loss")
    numbers = ["baseline", "difference", "low", "high"]
    found[numbers] = found[numbers].astype("float64")
    base_mean = found["baseline"]
    return found.assign(
        value=base_mean + found["difference"], low=base_mean + found["low"], high=base_mean + found["high"]
    )
