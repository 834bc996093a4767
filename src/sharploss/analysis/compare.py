"""`python -m sharploss compare A B`: whether one set of trainings reproduced another, within the smallest effects."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd

from sharploss.analysis.measures import title
from sharploss.analysis.stats.smallest import SMALLEST
from sharploss.record.paths import StudyPaths, paths_of_results
from sharploss.record.run import read_config
from sharploss.record.scores import Score, load_scores
from sharploss.utils.errors import UserError

MEAN = ["run", "dataset", "metric", "protocol"]
DESCRIPTION = """Compare two results of the same trainings, of two machines or two versions of the code.

  python -m sharploss compare results/mini ../other/results/mini

Means over the images that both have are compared, of every run that both have with the same settings, on every test
set. The exit code is 0 where all of them agree within the smallest effects that count, else 1.
"""


def main(arguments: Sequence[str]) -> int:
    """Run the command with these arguments and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m sharploss compare",
        description=DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folders", nargs=2, type=Path, metavar="FOLDER", help="results/<study>, here or elsewhere")
    one, other = map(results_of, parser.parse_args(arguments).folders)
    means, left_out = compare(one, other)
    for reason in left_out:
        print(f"left out: {reason}")
    if means.empty:
        raise UserError(f"{one.results} and {other.results} have no score in common: nothing can be compared.")
    beyond = means[means["off"] > means["smallest"]]
    print(f"{'':<31}{'means':>7}{'equal':>7}{'median':>9}{'9 in 10':>9}{'largest':>9}  beyond")
    for measure, part in means.groupby(["metric", "protocol"], sort=False):
        metric, protocol = map(str, measure)  # pyright: ignore[reportArgumentType]
        off, smallest = part["off"], SMALLEST[metric]
        numbers = "".join(f"{value:>9.4f}" for value in (off.median(), off.quantile(0.9), off.max()))
        count = f"{(off > smallest).sum()} beyond {smallest:g}"
        print(f"{title((metric, protocol)):<31}{len(off):>7}{(off == 0).sum():>7}{numbers}  {count}")
    for row in beyond.nlargest(5, "effects").itertuples():
        print(f"{row.run} on {row.dataset}, {row.metric}: {row.value_one:.4f} and {row.value_other:.4f}")
    runs = means["run"].nunique()
    how = f"{len(beyond)} of {len(means)} means of {runs} runs differ by more than the smallest effects"
    print(f"not reproduced: {how}" if len(beyond) else f"reproduced: {len(means)} means of {runs} runs agree")
    return 1 if len(beyond) else 0


def results_of(folder: Path) -> StudyPaths:
    """Return the files of the study whose results a folder holds."""
    files = paths_of_results(folder.resolve())
    if not files.every_scores():
        raise UserError(f"{folder} holds no results of a study: name a folder such as results/mini.")
    return files


def compare(one: StudyPaths, other: StudyPaths) -> tuple[pd.DataFrame, list[str]]:
    """Compare two results: MEAN, both values, off, smallest, effects (off in smallest ones); and what is left out."""
    found, left_out = [_scores(files) for files in (one, other)], list[str]()
    named = [set(scores["run"]) for scores in found]
    for mine, files, theirs in ((named[0], one, named[1]), (named[1], other, named[0])):
        if alone := sorted(mine - theirs):
            left_out.append(f"{len(alone)} runs that only {files.results} has, such as {alone[0]}")
    shared = named[0] & named[1]
    changed = sorted(key for key in shared if _settings(one, key) != _settings(other, key))
    if changed:
        left_out.append(f"{len(changed)} runs with other settings, such as {changed[0]}")
    found = [scores[scores["run"].isin(shared.difference(changed))] for scores in found]
    for mine, files, theirs in ((found[0], one, found[1]), (found[1], other, found[0])):
        marked = mine.merge(theirs[[*MEAN, "image"]], on=[*MEAN, "image"], how="left", indicator="where")
        alone = marked[marked["where"] == "left_only"]
        for row in alone[:1].itertuples():
            which = f"{row.metric} of {row.run} on {row.dataset}/{row.image}"
            left_out.append(f"{len(alone)} scores that only {files.results} has as finite numbers, such as {which}")
    pairs = found[0].merge(found[1], on=[*MEAN, "image"], suffixes=("_one", "_other"))
    means = pairs.groupby(MEAN, sort=False)[["value_one", "value_other"]].mean().reset_index()
    means["off"] = (means["value_one"] - means["value_other"]).abs()
    means["smallest"] = means["metric"].map(SMALLEST).astype(float)
    return means.assign(effects=means["off"] / means["smallest"]), left_out


def _settings(files: StudyPaths, key: str) -> Any:
    """Return a run's settings without empty ones, which versions differ in; None for an input baseline."""

    def stated(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        parts = {name: stated(part) for name, part in cast("dict[str, Any]", value).items()}
        return {name: part for name, part in parts.items() if part not in (None, [], {})}

    return stated(read_config(files.run(key)))


def _scores(files: StudyPaths) -> pd.DataFrame:
    rows = [row for group in files.every_scores() for row in load_scores(group).rows]
    table = pd.DataFrame(rows, columns=Score._fields)
    return table[table["metric"].isin(SMALLEST) & np.isfinite(table["value"].astype(float))]
