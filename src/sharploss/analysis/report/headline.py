"""The answer in words, a sentence per loss, made from effects at matched PSNR; at which budget and what cost."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import pandas as pd

from sharploss.analysis.claims.versions import verdicts_of
from sharploss.analysis.figures.study_figure import Block, alike, supported
from sharploss.analysis.files import Answer, load_evaluated
from sharploss.analysis.measures import ALPHA, interval, is_shown, metric_title
from sharploss.analysis.stats.intervals import ROW, TRAINED
from sharploss.analysis.stats.matched import PERCEPTUAL, WITHIN
from sharploss.analysis.stats.smallest import BETTER, EQUAL, OPEN, WORSE, state
from sharploss.analysis.study import CACHED_STUDIES, Study
from sharploss.analysis.tables.layout import count, image_notes, images_of, records
from sharploss.analysis.tables.matched_psnr import (
    MARK,
    MARKED,
    UNKNOWN,
    alphas_of,
    at_matched_psnr,
    beyond,
    change,
    costs,
)
from sharploss.analysis.titles import listed, name_title

BESIDE = {
    BETTER: "is closer to the target than {} by {}",
    WORSE: "is further from the target than {} by {}",
    EQUAL: "is no different from {} by {}",
    OPEN: "cannot be told from {} by {}",
}
"""What is said of the first perceptual metric that was measured."""

CHANGES = "Whether SPLoss still costs no PSNR after"

METRICS_EACH = 2  # how many metrics a sentence gives; the table has all


@lru_cache(maxsize=CACHED_STUDIES)
def answers(study: Study) -> list[Answer]:
    """Answer the question for every network that was trained with SPLoss alone and L1, as `supported` orders them."""
    rows, cost = at_matched_psnr(study), costs(study)
    return [
        Answer(*block, _scope(study, block), _losses(study, mine, cost), _budget(study, rows, block))
        for block in supported(study)
        if set((mine := block.of(rows))["metric"]) & set(PERCEPTUAL)
    ]


def _scope(study: Study, block: Block) -> str:
    """State what the sentences are about."""
    task, network, recipe, dataset = block
    seeds = block.of(study.runs).groupby("loss")["seed"].nunique()
    fewest, most = int(seeds.min()), int(seeds.max())
    spread = count(most, "seed") if fewest == most else f"{fewest} to {most} seeds"
    sets, images = listed(study.params.tasks[task].train), count(images_of(study, task, dataset), "image")
    return (
        f"{'Preliminary, w' if fewest == 1 else 'W'}ith {spread}: {study.params.recipes[recipe].steps:,} steps of "
        f"{name_title(network)} for {name_title(task)}, trained on {sets}, tested on {name_title(dataset)} ({images}). "
        "This says nothing about longer trainings."
    )


def _losses(study: Study, rows: pd.DataFrame, cost: dict[tuple[str, ...], str]) -> list[str]:
    """Write a sentence per loss: SPLoss's alphas beside L1, then the others beside SPLoss."""
    cells = {(row["loss"], row["metric"]): row for row in records(rows)}
    alphas = alphas_of(study)
    losses = sorted(dict.fromkeys(rows["loss"]), key=lambda loss: (loss not in alphas, alphas.get(loss, 0)))
    sentences, known = list[str](), list[str]()
    for loss in losses:
        mine = [cells[loss, name] for name in PERCEPTUAL if (loss, name) in cells]
        if not mine or alphas.get(loss) == 0:  # which is L1 again
            continue
        price = cells.get((loss, "psnr"))
        paid = f"PSNR {change(study, price)} dB against L1" if price else "PSNR against L1 not known"
        step = cost[tuple(mine[0][column] for column in ROW)]
        known.append(step)
        text = f"{study.titles[loss]} {_beside(study, mine, paid, loss in alphas)}."
        sentences.append(text if step == UNKNOWN else f"{text} A step takes {step} of L1's.")
    if MARK in " ".join(sentences):
        sentences.append(MARKED)
    if UNKNOWN in known:
        which = "any of them" if set(known) == {UNKNOWN} else "the losses without a word on it"
        sentences.append(f"What a step costs in time and memory is {UNKNOWN} of {which}.")
    return sentences


def _beside(study: Study, rows: list[dict[str, Any]], paid: str, own: bool) -> str:
    first, perceptual = rows[0], metric_title(rows[0]["metric"])
    more = "".join(f" ({metric_title(row['metric']).lower()} {change(study, row)})" for row in rows[1:METRICS_EACH])
    numbers = f"{change(study, first)}{more}"
    if own:
        return (
            f"{BESIDE[state(first['metric'], first, first['baseline'])].format('L1', perceptual)}, {numbers}, at {paid}"
        )
    if first["place"] != WITHIN:
        return f"{beyond(first)} ({paid}): no number at matched PSNR"
    other = f"SPLoss at its PSNR ({ALPHA} {first['alpha']:.2g})"
    return f"{BESIDE[state(first['metric'], first, first['reached'])].format(other, perceptual)}, {numbers}; {paid}"


def _budget(study: Study, rows: pd.DataFrame, block: Block) -> list[str]:
    """State how the PSNR of the decisive losses against L1 depends on the steps, as far as that was trained."""
    base, subject, budgets = study.references[0], study.about.subject, _budgets(study, block)
    where = (rows[["task", "network", "dataset"]] == [block.task, block.network, block.dataset]).all(axis=1)
    cells = {(row["recipe"], row["loss"]): row for row in records(rows[where & (rows["metric"] == "psnr")])}
    lines, states = list[str](), dict[int, str]()
    for loss in subject.budgets:
        trained, missing = list[str](), list[int]()
        for steps, recipes in budgets.items():
            row = next((cells[name, loss] for name in recipes if (name, loss) in cells), None)
            if row is None:
                missing.append(steps)
                continue
            trained.append(f"{interval('psnr', row['difference'], row['low'], row['high'])} dB after {steps:,} steps")
            if loss == subject.loss:
                states[steps] = state("psnr", row, row["baseline"])
        rest = f"; not trained yet: {_steps(missing)}" if missing else ""
        if trained:
            lines.append(f"PSNR of {study.titles[loss]} against {study.titles[base]}: {', '.join(trained)}{rest}.")
    return (
        [*lines, _depends(study, states, [steps for steps in budgets if steps not in states])]
        if states and len(budgets) > 1
        else []
    )


def _budgets(study: Study, block: Block) -> dict[int, list[str]]:
    """Return the recipes of a decisive loss that differ from one in length alone, by steps, in the study's order."""
    params = study.params
    planned = {
        suite.recipe
        for suite in params.suites.values()
        if block.task in suite.tasks
        and block.network in suite.networks
        and not {*study.about.subject.budgets}.isdisjoint(suite.losses)
    }
    found: dict[int, list[str]] = {}
    for name in alike(study, block.recipe):
        if name in planned:
            found.setdefault(params.recipes[name].steps, []).append(name)
    return dict(sorted(found.items()))


def _depends(study: Study, states: dict[int, str], missing: list[int]) -> str:
    """Return what the budgets show of the claim that the subject lowers PSNR, and what could change it."""
    own, claim = study.titles[study.about.subject.loss], study.about.subject.claim
    costs_psnr = [steps for steps, word in states.items() if word == WORSE]
    free = [steps for steps in states if steps not in costs_psnr]
    if costs_psnr and free:
        text = (
            f"{own} costs PSNR after {_steps(costs_psnr)} and not after {_steps(free)}: claim {claim} "
            "depends on the budget."
        )
        return (
            f"{text} That it costs nothing is an artefact of short trainings." if max(free) < min(costs_psnr) else text
        )
    shown = f"{own} costs {'PSNR' if costs_psnr else 'no PSNR'} at the budgets trained ({_steps([*states])})"
    longer = [steps for steps in missing if steps > max(states)]
    if not longer or costs_psnr:
        return f"{shown}."
    return f"{shown}. {CHANGES} {_steps(longer)} is open: that is not trained yet. Its paper claims a cost ({claim})."


def _steps(numbers: list[int]) -> str:
    *first, last = (f"{steps:,}" for steps in numbers)
    return f"{', '.join(first)} and {last} steps" if first else f"{last} steps"


def numbers(study: Study) -> dict[str, Any]:
    """Return the few numbers that `dvc metrics show` and `dvc exp show` have room for, under short names.

    They are the runs with results, the verdicts, and the mean PSNR and LPIPS of L1 and SPLoss on the first block.
    """
    evaluated = load_evaluated(study.paths)
    verdicts = [*verdicts_of(evaluated["claims"]).values()] if evaluated else []
    found: dict[str, Any] = {word: verdicts.count(word) for word in ("supported", "contradicted")}
    for block in supported(study)[:1]:
        means = block.of(study.means)
        for metric in ("psnr", "lpips"):
            protocols = [name for name in means["protocol"].unique() if is_shown((metric, name))]
            of = means[(means["metric"] == metric) & means["protocol"].isin(protocols)]
            values = dict(zip(of["loss"], of["value"], strict=True))
            shown = [loss for loss in (study.references[0], study.about.subject.loss) if loss in values]
            found[metric] = {loss: round(values[loss], 6) for loss in shown}
    return {"runs": len(study.runs), **found}


def control(study: Study, numbers: pd.DataFrame) -> str:
    """State whether SPLoss with alpha 0 scored as L1, as in exact mode it must; `numbers` is `tables.alpha_control`."""
    if numbers.empty:
        return "This study has no run with alpha 0 beside one with L1."
    total, largest = int(numbers["scores"].sum()), float(numbers["largest_difference"].max())
    if largest == 0:
        return f"Passed: all {total} scores are identical, to the last bit."
    exact = [study.params.recipes[recipe].mode == "exact" for recipe in numbers["recipe"]]
    if numbers["largest_difference"][exact].max() > 0:
        return f"Failed: of {total} scores some differ, by up to {largest:.3g}. Explain it before trusting this study."
    means = numbers.groupby("metric")["mean_difference"].agg(lambda values: values.abs().max())
    ends = [f"{metric_title(name)} {means[name]:.2g}" for name in ("psnr", *PERCEPTUAL) if name in means]
    return (
        f"Not to the last bit, nor need it be: in fast mode {ALPHA} 0 goes through kernels that round otherwise. "
        f"Means over test sets differ by at most {listed(ends)}, as those of two trainings of one loss may."
    )


def caveat(study: Study) -> str:
    """State what this study is too small to tell."""
    seeds = study.runs.groupby([*TRAINED, "loss"])["seed"].nunique()  # each suite can have seeds of its own
    fewest, most, steps = int(seeds.min()), int(seeds.max()), study.runs["step"][study.runs["step"] > 0]
    least, longest = (int(steps.min()), int(steps.max())) if len(steps) else (0, 0)
    span = f"{longest:,}" if least == longest else f"{least:,} to {longest:,}"
    trained = count(most, "seed") if fewest == most else f"{fewest} to {most} seeds"
    unknown = (
        "With one seed, how much a number would change in a second training is unknown, and differences smaller than "
        "that mean nothing."
        if fewest == 1
        else f"Intervals are over images and the {trained}."
    )
    return " ".join(
        [
            f"This is what {trained} and {span} training steps a run show: a comparison at small budgets, equal within "
            "a suite, not a replication of the papers' trainings.",
            unknown,
            *image_notes(study, metrics=("psnr", *PERCEPTUAL)),
        ]
    )
