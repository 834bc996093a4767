"""`python -m sharploss show`: the scores of a study as a table in the terminal."""

import argparse
import shutil
import textwrap
from collections.abc import Sequence
from pathlib import Path

from sharploss.analysis.load import load_study
from sharploss.analysis.measures import badness, column, title
from sharploss.analysis.report.headline import caveat
from sharploss.analysis.stats.intervals import ROW
from sharploss.analysis.study import NOT_TRAINED, Study
from sharploss.analysis.tables.layout import images_of, known_for, pairing_row, records, same_reason, sizes
from sharploss.analysis.tables.tables import pairings, shown_suites
from sharploss.analysis.titles import name_title
from sharploss.record.paths import paths
from sharploss.record.study import current_study
from sharploss.utils.errors import unknown

DESCRIPTION = """Print the scores of one suite of a study: a row per network and loss, means over a test set.

  python -m sharploss show                                     what params.yaml names, or else the benchmark study
  python -m sharploss show --study benchmark --suite first_run --set b100 --sort lpips

The best of each network has a *, the second best a +; a ! says that runs of the row restore worse than their input.
"""
SIGNS = {"best": "*", "second": "+"}


def main(arguments: Sequence[str]) -> int:
    """Run the command with these arguments and return its exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m sharploss show", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--study", metavar="NAME", help="default: the current study, or benchmark")
    parser.add_argument("--suite", metavar="NAME", help="default: its first suite")
    parser.add_argument("--set", metavar="NAME", help="the test set; default: the last, which is mostly the largest")
    parser.add_argument("--sort", metavar="METRIC", type=str.lower, help="rows by this metric, the best first")
    asked = parser.parse_args(arguments)
    current = current_study()
    name = asked.study or (current if paths(current).every_scores() else "benchmark")
    study = load_study(name, Path(), partial=True)
    suites = shown_suites(study)
    suite = asked.suite or suites[0]
    if suite not in suites:
        raise unknown("suite", suite, suites)
    width = shutil.get_terminal_size((120, 40)).columns
    print("\n\n".join(tables(study, suite, asked.set, asked.sort, width)))
    print(f"\n{textwrap.fill(caveat(study), min(width, 120))}")
    others = [other for other in suites if other != suite]
    if others and not asked.suite:
        print(f"\nOther suites (--suite): {', '.join(others)}")
    return 0


def tables(study: Study, suite: str, dataset: str | None, sort: str | None, width: int) -> list[str]:
    """Return a suite's tables on a test set, one per task, no wider than `width`. UserError: no such set or metric."""
    numbers, found = pairings(study, suite), list[str]()
    sets = list(dict.fromkeys(numbers["dataset"]))
    seeds = study.runs[study.runs["status"] != NOT_TRAINED].groupby(ROW).size().to_dict()
    worse = set(study.unqualified.itertuples(index=False, name=None))
    if dataset and dataset not in sets:
        raise unknown("test set", dataset, sets)
    for task, of_task in numbers.groupby("task", sort=False):
        part = of_task[of_task["dataset"] == (dataset or of_task["dataset"].iloc[-1])]
        if part.empty:  # another task of the suite has this set
            continue
        known = [measure for measure in known_for(study, str(task)) if part[column(measure)].notna().any()]
        chosen = [measure for measure in known if sort in (None, measure[0], column(measure))]
        if not chosen:
            raise unknown("metric", str(sort), [column(measure) for measure in known])
        if sort:
            part = part.iloc[badness(chosen[0][0], part[column(chosen[0])]).argsort(kind="stable")]
        lines, gone = [["network", "loss", "seeds", *map(title, known)]], dict[str, list[str]]()
        for row in records(part):
            key, cells = tuple(row[name] for name in ROW), pairing_row(study, row, known)
            texts = [cell.text + SIGNS.get(cell.mark, " ") for cell in cells[2:]]
            network, loss = cells[0].text, cells[1].text
            if same_reason(cells, 2):  # a sentence is too long for a column
                gone.setdefault(cells[2].text, []).append(f"{network} with {loss}")
                texts = ["— "] * len(texts)
            lines.append([network, loss + " !" * (key in worse), str(seeds.get(key, "")), *texts])
        name = str(part["dataset"].iloc[0])
        about = f"{study.paths.study}, {suite}: {name_title(str(task))}, means on {name_title(name)}"
        notes = [textwrap.fill(f"{', '.join(names)}: {reason}", width) for reason, names in gone.items()]
        above = f"{about} ({sizes(study, part, images_of(study, str(task), name))})"
        found.append("\n".join([above, _fit(lines, width), *notes]))
    return found


def _fit(lines: list[list[str]], width: int) -> str:
    """Return lines of equal columns, headings of several lines; columns that do not fit go below, with rows' names."""
    heads = [textwrap.wrap(name, 10, break_long_words=False) for name in lines[0]]
    sizes = [max(map(len, [*head, *(line[at] for line in lines[1:])])) for at, head in enumerate(heads)]
    names, at, blocks = range(3), 3, list[str]()
    while at < len(heads):
        last = at + 1
        while last < len(heads) and sum(sizes[i] + 2 for i in (*names, *range(at, last + 1))) <= width + 2:
            last += 1
        shown, high = [*names, *range(at, last)], max(map(len, heads))
        rows = [[([""] * (high - len(heads[i])) + heads[i])[depth] for i in shown] for depth in range(high)]
        rows += [[line[i] for i in shown] for line in lines[1:]]
        aligned = (
            "  ".join(
                text.ljust(sizes[i]) if i < 2 else text.rjust(sizes[i]) for i, text in zip(shown, row, strict=True)
            )
            for row in rows
        )
        blocks.append("\n".join(line.rstrip() for line in aligned if line.strip()))
        at = last
    return "\n\n".join(blocks)
