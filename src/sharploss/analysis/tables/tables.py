"""The study's tables as frames of plain numbers, and `write_tables`, which writes every table file."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import cast

import pandas as pd

from sharploss.analysis.measures import badness, column
from sharploss.analysis.stats.intervals import ROW, TRAINED, corrected, pair
from sharploss.analysis.study import CACHED_STUDIES, Study
from sharploss.analysis.tables import layout, matched_psnr
from sharploss.analysis.tables.best_weight import best_weight, lay_out
from sharploss.analysis.tables.paper_tables import paper_tables
from sharploss.analysis.tables.writers import write_frame, write_table
from sharploss.config.protocols import REFERENCES

OWN = ("unqualified", "matched_psnr", "best_weight", "alpha_sweep", "alpha_control", "cost", "curves")
"""The tables of a study as a whole."""


def write_tables(study: Study) -> None:
    """Write every table of a study (csv with all digits, md to read, tex to cite)."""
    folder, papers = study.paths.tables, paper_tables(study)
    numbers = {name: each.numbers for name, each in papers.items()} | {"curves": curves(study)}
    for name, frame in (frames(study) | numbers).items():
        write_frame(frame, folder / f"{name}.csv")
    for name, tables in (laid_out(study) | {name: [each.table] for name, each in papers.items()}).items():
        write_table(tables, folder / name)


@lru_cache(maxsize=CACHED_STUDIES)
def frames(study: Study) -> dict[str, pd.DataFrame]:
    """Return every table as a frame of plain numbers: file name -> frame."""
    by_suite: dict[str, pd.DataFrame] = {}
    for suite in shown_suites(study):
        name = suite_table(suite)
        by_suite[name] = pairings(study, suite)
        by_suite[f"{name}_difference"] = corrected(study.compared.merge(pairing_rows(study, suite)[ROW], on=ROW))
    return by_suite | {
        "unqualified": unqualified(study),
        "matched_psnr": matched_psnr.at_matched_psnr(study),
        "best_weight": best_weight(study),
        "alpha_sweep": alpha_sweep(study),
        "alpha_control": alpha_control(study),
        "cost": cost(study),
    }


@lru_cache(maxsize=CACHED_STUDIES)
def laid_out(study: Study) -> dict[str, list[layout.Table]]:
    """Format the frames of `frames` for readers: file name -> the table's parts, by task and test set if several."""
    numbers, by_suite = frames(study), dict[str, list[layout.Table]]()
    for suite in shown_suites(study):
        name, losses = suite_table(suite), pairing_rows(study, suite)
        scored, changes = numbers[name], numbers[f"{name}_difference"]
        cells = [(str(row["task"]), str(row["dataset"])) for row in layout.records(scored_sets(study, losses))]
        by_suite[name] = [layout.pairings(study, scored, task, data) for task, data in cells]
        by_suite[f"{name}_difference"] = [layout.differences(study, losses, changes, *cell) for cell in cells]
    return by_suite | {
        "unqualified": layout.unqualified(numbers["unqualified"]),
        "matched_psnr": matched_psnr.lay_out(study),
        "best_weight": [table for parts in lay_out(study, numbers["best_weight"]).values() for table in parts],
    }


def suite_table(suite: str) -> str:
    """Return the file name of a suite's table: the suite's own, unless another table has that name."""
    taken = suite in OWN or suite.startswith(("paper_", "suite_")) or suite.endswith("_difference")
    return f"suite_{suite}" if taken else suite


def shown_suites(study: Study) -> list[str]:
    """List the suites that are shown as network x loss tables: all but those of SPLoss's alpha alone."""
    members = [(suite, alpha) for suites, alpha in zip(study.runs["suites"], study.runs["alpha"], strict=True)
               for suite in cast("list[str]", suites)]  # fmt: skip
    names = list(dict.fromkeys(suite for suite, _ in members))
    compared = {suite for suite, alpha in members if math.isnan(alpha)}
    return [name for name in names if name in compared] or names


def pairing_rows(study: Study, suite: str | None = None) -> pd.DataFrame:
    """List task, network, recipe, loss and variant of every run of a suite, or of all shown suites, each once."""
    wanted = {suite} if suite else set(shown_suites(study))
    chosen = [not wanted.isdisjoint(suites) for suites in cast("list[list[str]]", list(study.runs["suites"]))]
    return study.runs.loc[chosen, [*ROW, "variant"]].drop_duplicates(ignore_index=True)


def with_recipes(runs: pd.DataFrame, rows: pd.DataFrame) -> pd.DataFrame:
    """Add the column `label` to rows (columns TRAINED): the network, with its recipe where `runs` have several."""
    runs = runs[TRAINED].drop_duplicates()
    several = runs.groupby(["task", "network"])["recipe"].transform("nunique") > 1
    label = runs["network"].where(~several, runs["network"] + " (" + runs["recipe"] + ")")
    return rows.merge(runs.assign(label=label), on=TRAINED, how="left").assign(label=lambda t: t["label"].fillna(""))


def scored_sets(study: Study, rows: pd.DataFrame | None = None) -> pd.DataFrame:
    """List task and dataset of all (or of the tasks of `rows`) that was scored, tasks and test sets in their order."""
    pairs = study.scores[["task", "dataset"]].drop_duplicates()
    pairs = pairs if rows is None else pairs[pairs["task"].isin(rows["task"])]
    tasks, sets = list(dict.fromkeys(study.runs["task"])), study.datasets
    order = [
        tasks.index(task) * len(sets) + sets.index(data)
        for task, data in zip(pairs["task"], pairs["dataset"], strict=True)
    ]
    return pairs.assign(order=order).sort_values("order", ignore_index=True)[["task", "dataset"]]


def pairings(study: Study, suite: str | None = None) -> pd.DataFrame:
    """Return network x loss x test set of a suite (or all shown ones), a column per measure, input baselines first.

    Per measure: its mean ("psnr_y"; NaN where not measured), over how many images ("psnr_y_images") and its rank
    ("psnr_y_rank"; 1 is best within task, network, recipe and dataset; inputs are not ranked); also runs, status.
    """
    trained = pairing_rows(study, suite)[ROW]
    inputs = study.means.loc[study.means["loss"].isin(REFERENCES), ROW].drop_duplicates()
    inputs = inputs[inputs["task"].isin(trained["task"])]
    rows = pd.concat([inputs, trained]).merge(scored_sets(study), on="task")
    rows = rows.merge(study.wide_means, on=[*ROW, "dataset"], how="left")
    return _with_ranks(study, rows).merge(_statuses(study), how="left").assign(status=lambda t: t["status"].fillna(""))


def _with_ranks(study: Study, rows: pd.DataFrame) -> pd.DataFrame:
    trained = study.without_unqualified(rows[~rows["loss"].isin(REFERENCES)])
    names = [column(measure) for measure in study.measures]
    worse = trained.assign(
        **{name: badness(m[0], trained[name]) for name, m in zip(names, study.measures, strict=True)}
    )
    found = worse.groupby([*TRAINED, "dataset"], sort=False)[names].rank(method="min")
    return rows.join(found.add_suffix("_rank"))


def _statuses(study: Study) -> pd.DataFrame:
    """Return what happened per row: "finished", or why there are no scores, in how many seeds."""
    grouped = study.runs.groupby(ROW, sort=False)
    return grouped.agg(runs=("run", "count"), status=("failure", _status)).reset_index()


def _status(failures: pd.Series[str]) -> str:
    bad = [text for text in failures if text]
    if not bad:
        return "finished"
    return bad[0] if len(bad) == len(failures) else f"{len(bad)} of {len(failures)} seeds {bad[0]}"


def unqualified(study: Study) -> pd.DataFrame:
    """List the runs that count nowhere: run, gain (dB over the input; NaN without scores) and reason."""
    return study.qualified[study.qualified["reason"] != ""].reset_index(drop=True)


def sweep_runs(study: Study) -> pd.DataFrame:
    """List the runs of the alpha sweeps: SPLoss alone, on networks trained with at least three alphas."""
    runs = study.runs[study.runs["alpha"].notna()]
    alphas = runs.groupby(TRAINED)["alpha"].transform("nunique")
    return runs[alphas >= 3].sort_values([*TRAINED, "alpha", "seed"], kind="stable", ignore_index=True)


def alpha_sweep(study: Study) -> pd.DataFrame:
    """Return the sweep as in Table 3 of the SPLoss paper: a row per measure, l1 and a column per alpha."""
    sweep = sweep_runs(study)
    names = {run: f"alpha_{alpha:g}" for run, alpha in zip(sweep["run"], sweep["alpha"], strict=True)}
    networks = sweep[TRAINED].drop_duplicates()
    base = study.references[0]
    baselines = study.runs[study.runs["loss"] == base].merge(networks)
    names = dict.fromkeys(baselines["run"], base) | names
    scores = study.scores.assign(column=study.scores["run"].map(names)).dropna(subset=["column"])
    index = [*TRAINED, "dataset", "metric", "protocol"]
    table = scores.pivot_table(index=index, columns="column", values="value", aggfunc="mean", sort=False)
    return table.reindex(columns=list(dict.fromkeys(names.values()))).reset_index()


def alpha_control(study: Study) -> pd.DataFrame:
    """Compare SPLoss at alpha 0 with L1, score by score: the same loss, which must give the same numbers."""
    base = study.references[0]
    zero = study.scores[(study.scores["alpha"] == 0) | (study.scores["loss"] == base)]
    paired = pair(zero, [base]).assign(largest_difference=lambda table: table["difference"].abs())
    keys = [*TRAINED, "seed", "dataset", "metric", "protocol"]
    grouped = paired.groupby(keys, sort=False, as_index=False)
    table = grouped.agg(scores=("difference", "count"), largest_difference=("largest_difference", "max"))
    table["mean_difference"] = grouped["difference"].mean()["difference"]
    same = table["largest_difference"] == 0
    return table.assign(verdict=same.map({True: "identical", False: "differs"}))


def cost(study: Study) -> pd.DataFrame:
    """Return what each loss costs in training, means over seeds; relative_to_l1 is the time per step, of L1's."""
    numbers = {"parameters": "first", "step": "mean", "seconds": "mean", "steps_per_second": "mean"}
    table = study.runs.groupby(ROW, sort=False, as_index=False).agg(numbers).rename(columns={"step": "steps"})
    table["ms_per_step"] = 1000 / table["steps_per_second"]
    baseline = table.loc[table["loss"] == study.references[0], [*TRAINED, "ms_per_step"]]
    table = table.merge(baseline.rename(columns={"ms_per_step": "l1_ms"}), on=TRAINED, how="left")
    table["relative_to_l1"] = table["ms_per_step"] / table["l1_ms"]
    return table.drop(columns="l1_ms").merge(_statuses(study).drop(columns="runs"), on=ROW)


def curves(study: Study) -> pd.DataFrame:
    """Return the training curves for `dvc plots`: validation PSNR (dB), and the last training loss logged before it."""
    about = ["run", "task", "network", "recipe", "loss", "variant", "seed"]
    history = study.history.merge(study.runs[about], on="run")
    history["total"] = history.groupby("run")["total"].ffill()
    points = history[history["event"] == "validation"]
    return points[[*about, "step", "psnr_y", "total"]].reset_index(drop=True)
