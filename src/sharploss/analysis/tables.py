"""The study's tables as frames of plain numbers, and `tabulate`, which writes every table file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from sharploss.analysis import layout
from sharploss.analysis.load import Study, load_study
from sharploss.analysis.measures import Measure, badness, column, measures_of
from sharploss.analysis.statistics import CELL, differences
from sharploss.analysis.writers import write_csv, write_table
from sharploss.files import write_json
from sharploss.protocols import REFERENCES

if TYPE_CHECKING:
    import pandas as pd

PAIRINGS = "pairings"
"""The suite behind the network x loss tables; a study without it shows all its runs."""


def tabulate(root: Path) -> None:
    """Write reports/tables/ (csv with all digits, md to read, tex to cite) and results/summary.json (`dvc metrics`).

    Raises:
        UserError: a result file or column is missing; the message names it.
    """
    study, folder = load_study(root), root / "reports" / "tables"
    compared = differences(study.scores)
    frames = {
        "pairings": pairings(study),
        "pairings_difference": compared,
        "alpha_sweep": alpha_sweep(study),
        "alpha_control": alpha_control(study),
        "cost": cost(study),
    }
    for name, tables in display(study, compared).items():
        write_csv(frames[name], folder / f"{name}.csv")
        write_table(tables, folder / name)
    write_csv(curves(study), folder / "curves.csv")
    write_csv(alpha_curves(study), folder / "alpha_curves.csv")
    write_json(root / "results" / "summary.json", summary(study))


def display(study: Study, compared: pd.DataFrame) -> dict[str, list[layout.Table]]:
    """Lay out every table for readers: file name -> its parts (one per test set where there are several).

    Args:
        study: the study.
        compared: `differences(study.scores)`.
    """
    losses = pairing_rows(study)
    cells = [(str(row["task"]), str(row["dataset"])) for row in layout.records(tested(study))]
    return {
        "pairings": [layout.pairings(study, pairings(study), task, data) for task, data in cells],
        "pairings_difference": [layout.differences(study, losses, compared, task, data) for task, data in cells],
        "alpha_sweep": layout.alpha_sweep(study, alpha_sweep(study)),
        "alpha_control": [layout.alpha_control(alpha_control(study))],
        "cost": [layout.cost(cost(study))],
    }


def pairing_rows(study: Study) -> pd.DataFrame:
    """List the rows of the pairing tables: task, network and loss of every run of the suite, each once."""
    runs = study.runs
    chosen = runs[[PAIRINGS in suites for suites in cast("list[list[str]]", list(runs["suites"]))]]
    return (chosen if len(chosen) else runs)[["task", "network", "loss"]].drop_duplicates(ignore_index=True)


def tested(study: Study) -> pd.DataFrame:
    """List task and dataset of everything that was scored, in the order of the tasks and their test sets."""
    pairs = study.scores[["task", "dataset"]].drop_duplicates()
    tasks, sets = list(dict.fromkeys(study.runs["task"])), study.datasets
    order = [
        tasks.index(task) * len(sets) + sets.index(data)
        for task, data in zip(pairs["task"], pairs["dataset"], strict=True)
    ]
    return pairs.assign(order=order).sort_values("order", ignore_index=True)[["task", "dataset"]]


def first_tested(study: Study) -> pd.DataFrame:
    """Give task and dataset of each task's first test set, which stands for it in headlines and summaries."""
    return tested(study).drop_duplicates("task", ignore_index=True)


def means(scores: pd.DataFrame) -> pd.DataFrame:
    """Average scores over images and seeds: one row per task, network, loss, dataset, metric and protocol."""
    return scores.groupby(CELL, sort=False)["value"].mean().reset_index()


def pairings(study: Study) -> pd.DataFrame:
    """Give network x loss x test set with a column per measure, and the unrestored images.

    Returns:
        Columns task, network, loss, dataset, one per measure ("psnr_y"; NaN where not measured), `<measure>_rank`
        (1 is best within task, network and dataset; unrestored images are not ranked), runs, status.
    """
    import pandas as pd

    scored = means(study.scores)
    unrestored = scored.loc[scored["loss"].isin(REFERENCES), ["task", "network", "loss"]].drop_duplicates()
    rows = pd.concat([unrestored, pairing_rows(study)]).merge(tested(study), on="task")
    for measure in measures_of(study):
        part = scored[(scored["metric"] == measure[0]) & (scored["protocol"] == measure[1])]
        part = part[["task", "network", "loss", "dataset", "value"]].rename(columns={"value": column(measure)})
        rows = rows.merge(part, how="left")
    return _with_ranks(study, rows).merge(_statuses(study), how="left").assign(status=lambda t: t["status"].fillna(""))


def _with_ranks(study: Study, rows: pd.DataFrame) -> pd.DataFrame:
    trained = ~rows["loss"].isin(REFERENCES)
    for metric, protocol in measures_of(study):
        name = column((metric, protocol))
        worse = badness(metric, rows.loc[trained, name])
        keys = [rows.loc[trained, key] for key in ("task", "network", "dataset")]
        rows[f"{name}_rank"] = worse.groupby(keys, sort=False).rank(method="min")
    return rows


def _statuses(study: Study) -> pd.DataFrame:
    """Tell per task, network and loss what happened: "finished" or which term diverged where, in how many seeds."""
    grouped = study.runs.groupby(["task", "network", "loss"], sort=False)
    return grouped.agg(runs=("run", "count"), status=("diverged", _status)).reset_index()


def _status(diverged: pd.Series[str]) -> str:
    bad = [text for text in diverged if text]
    if not bad:
        return "finished"
    return bad[0] if len(bad) == len(diverged) else f"{len(bad)} of {len(diverged)} seeds {bad[0]}"


def sweep_runs(study: Study) -> pd.DataFrame:
    """List the runs of the alpha sweeps: SPLoss alone, on networks trained with at least three alphas."""
    runs = study.runs[study.runs["alpha"].notna()]
    alphas = runs.groupby(["task", "network"])["alpha"].transform("nunique")
    return runs[alphas >= 3].sort_values(["task", "network", "alpha", "seed"], kind="stable", ignore_index=True)


def alpha_sweep(study: Study) -> pd.DataFrame:
    """Give the sweep as in Table 3 of the SPLoss paper: a row per measure, a column per alpha.

    Returns:
        Columns task, network, dataset, metric, protocol, l1, alpha_0, alpha_1, ...; means over images and seeds.
    """
    sweep = sweep_runs(study)
    names = {run: f"alpha_{alpha:g}" for run, alpha in zip(sweep["run"], sweep["alpha"], strict=True)}
    networks = sweep[["task", "network"]].drop_duplicates()
    baselines = study.runs[study.runs["loss"] == "l1"].merge(networks)
    names = dict.fromkeys(baselines["run"], "l1") | names
    scores = study.scores.assign(column=study.scores["run"].map(names)).dropna(subset=["column"])
    index = ["task", "network", "dataset", "metric", "protocol"]
    table = scores.pivot_table(index=index, columns="column", values="value", aggfunc="mean", sort=False)
    return table.reindex(columns=list(dict.fromkeys(names.values()))).reset_index()


def alpha_curves(study: Study) -> pd.DataFrame:
    """Give the sweep on the first test set as curves: task, network, alpha, one column per measure."""
    scores = study.scores[study.scores["run"].isin(sweep_runs(study)["run"])]
    wide = _wide(scores, ["task", "network", "alpha"], study)
    return wide.sort_values(["task", "network", "alpha"], kind="stable", ignore_index=True)


def alpha_control(study: Study) -> pd.DataFrame:
    """Compare SPLoss with alpha 0 with L1, score by score: they are the same loss and must give the same numbers.

    Returns:
        A row per task, network, seed, dataset, metric and protocol that both have: scores (how many were compared),
        largest_difference (absolute; 0 when every score is equal to the last bit), verdict.
    """
    from sharploss.analysis.statistics import pair

    zero = study.scores[(study.scores["alpha"] == 0) | (study.scores["loss"] == "l1")]
    paired = pair(zero).assign(largest_difference=lambda table: table["difference"].abs())
    keys = ["task", "network", "seed", "dataset", "metric", "protocol"]
    grouped = paired.groupby(keys, sort=False, as_index=False)
    table = grouped.agg(scores=("difference", "count"), largest_difference=("largest_difference", "max"))
    same = table["largest_difference"] == 0
    return table.assign(verdict=same.map({True: "identical", False: "differs"}))


def cost(study: Study) -> pd.DataFrame:
    """Give what each loss costs in training, means over seeds.

    Returns:
        Columns task, network, loss, parameters, steps, seconds, steps_per_second, ms_per_step, relative_to_l1 (time
        per step divided by that of the same network's L1; NaN without an L1 run), status.
    """
    keys = ["task", "network", "loss"]
    numbers = {"parameters": "first", "step": "mean", "seconds": "mean", "steps_per_second": "mean"}
    table = study.runs.groupby(keys, sort=False, as_index=False).agg(numbers).rename(columns={"step": "steps"})
    table["ms_per_step"] = 1000 / table["steps_per_second"]
    baseline = table.loc[table["loss"] == "l1", ["task", "network", "ms_per_step"]]
    table = table.merge(baseline.rename(columns={"ms_per_step": "l1_ms"}), on=["task", "network"], how="left")
    table["relative_to_l1"] = table["ms_per_step"] / table["l1_ms"]
    return table.drop(columns="l1_ms").merge(_statuses(study).drop(columns="runs"), on=keys)


def curves(study: Study) -> pd.DataFrame:
    """Give the training curves for `dvc plots`: run, network, loss, step, psnr_y (validation, dB) and total.

    `total` is the last training loss logged at or before that step.
    """
    history = study.history.merge(study.runs[["run", "network", "loss"]], on="run")
    history["total"] = history.groupby("run")["total"].ffill()
    points = history[history["event"] == "validation"]
    return points[["run", "network", "loss", "step", "psnr_y", "total"]].reset_index(drop=True)


def summary(study: Study) -> dict[str, Any]:
    """Give each finished run's means on the first test set, for `dvc metrics`: run -> measure -> value."""
    wide = _wide(study.scores, ["run"], study).set_index("run")
    return {
        str(run): {str(name): float(value) for name, value in row.items() if value == value}  # noqa: PLR0124
        for run, row in cast("dict[str, dict[str, float]]", wide.to_dict(orient="index")).items()
    }


def _wide(scores: pd.DataFrame, index: list[str], study: Study) -> pd.DataFrame:
    first = scores.merge(first_tested(study))
    names: list[str] = [column(cast("Measure", pair)) for pair in zip(first["metric"], first["protocol"], strict=True)]
    table = first.assign(column=names).pivot_table(index=index, columns="column", values="value", sort=False)
    order = [column(measure) for measure in measures_of(study)]
    return table.reindex(columns=[name for name in order if name in table.columns]).reset_index()
