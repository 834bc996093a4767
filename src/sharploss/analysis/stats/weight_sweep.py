"""Sweeps of a term's weight: trainings that differ in one weight alone, or in SPLoss's alpha beside such."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sharploss.analysis.stats.baselines import Terms, added, forms_of, references, terms_of
from sharploss.analysis.stats.intervals import CELL, TRAINED, differences

if TYPE_CHECKING:
    import pandas as pd

    from sharploss.analysis.load import Study

COLUMNS = [*CELL, "term", "against", "weight", "value", "baseline", "low", "high"]


def weighted(losses: dict[str, Terms]) -> list[tuple[str, str, str, float]]:
    """List losses that add one term to another loss of a single term: (loss, the other loss, term, weight)."""
    return [
        (name, base, term, losses[name][term]) for name, (base, term) in added(losses).items() if len(losses[base]) == 1
    ]


def of_one_form(
    found: list[tuple[str, str, str, float]], forms: dict[str, dict[str, str]]
) -> list[tuple[str, str, str, float]]:
    """Keep, of what `weighted` lists, terms that differ in nothing but their weight.

    Where a term was added to a loss in several forms (released code sums where we average), it is the form with most
    weights; `forms` is what `forms_of` gives.
    """
    groups: dict[tuple[str, str], dict[str, list[tuple[str, str, str, float]]]] = {}
    for row in found:
        loss, base, term, _ = row
        groups.setdefault((base, term), {}).setdefault(forms[loss][term], []).append(row)
    return [row for rows_by_form in groups.values() for row in max(rows_by_form.values(), key=len)]


def penalties(study: Study, losses: set[str]) -> list[tuple[str, str, str, float]]:
    """List SPLoss alone by its alpha, as a weight beside the pixel loss that it is at alpha 0, like `weighted`.

    Args:
        study: the study.
        losses: those with a swept weight; only suites that have one of them and several alphas count.
    """
    single = study.runs.explode("suites")
    alphas = single[single["alpha"] > 0]
    several = alphas.groupby("suites")["alpha"].nunique()
    suites = set(several.index[several > 1]) & set(single.loc[single["loss"].isin(losses), "suites"])
    found = alphas.loc[alphas["suites"].isin(suites), ["loss", "alpha"]].drop_duplicates()
    base, pairs = references(study)[0], zip(found["loss"], found["alpha"], strict=True)
    return [(str(loss), base, "sploss", float(alpha)) for loss, alpha in pairs]


def weight_sweep(study: Study, at_least: int = 2) -> pd.DataFrame:
    """Return the scores of every sweep of a weight.

    Args:
        study: the study.
        at_least: how many different weights make a sweep; fewer are left out.

    Returns:
        Per task, network, recipe, loss, dataset, metric and protocol: term, against (the loss without the term),
        weight (of SPLoss the alpha), value (mean), baseline (the mean without the term), low and high (the 95 % paired
        interval of the difference, added to the baseline; NaN where there is one image). Sorted by weight within a
        sweep.
    """
    import pandas as pd

    terms = of_one_form(weighted(terms_of(study)), forms_of(study))
    terms += penalties(study, {loss for loss, *_ in terms})
    table = pd.DataFrame(terms, columns=["loss", "against", "term", "weight"])
    parts = [_against(study, table[table["against"] == base], str(base)) for base in dict.fromkeys(table["against"])]
    found = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)
    if found.empty:
        return pd.DataFrame(columns=COLUMNS)
    sweep = [*TRAINED, "term", "against"]
    found = found[found.groupby(sweep)["weight"].transform("nunique") >= at_least]
    # The alphas of a network without another sweep are no comparison: the figures of the alpha sweep show them.
    others = found.groupby([*TRAINED, "against"])["term"].transform("nunique") > 1
    return found[(found["term"] != "sploss") | others].sort_values(
        [*sweep, "weight"], kind="stable", ignore_index=True
    )[COLUMNS]


def _against(study: Study, table: pd.DataFrame, base: str) -> pd.DataFrame:
    scores = study.scores[study.scores["loss"].isin([base, *table["loss"]])]
    found = differences(scores, [base]).drop(columns="against").merge(table, on="loss")
    numbers = ["baseline", "difference", "low", "high"]
    found[numbers] = found[numbers].astype("float64")
    found["value"] = found["baseline"] + found["difference"]
    found["low"] += found["baseline"]
    found["high"] += found["baseline"]
    return found
