"""The weight of each family of losses: chosen by its trials on the tuning set, and written into the study's file."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

import yaml

from sharploss.analysis.stats.families import families
from sharploss.analysis.titles import TERM_TITLES
from sharploss.config.params import Params
from sharploss.config.protocols import MAIN
from sharploss.planning.plan import PlannedRun, expand
from sharploss.record.paths import StudyPaths
from sharploss.record.scores import comparable, load_scores
from sharploss.utils.errors import UserError

TUNING, RATES, CORE, WINNERS = "tuning", "rates", "core", "winners"
"""How suites are called: trials of weights and of learning rates, what winners come beside, and theirs."""

ALLOWED = 0.10  # PSNR in dB that a winner may lie below the first loss of the suite `tuning`
FRESH = 2  # seeds that a winner is trained with beside its trial's


class Trial(NamedTuple):
    """A loss trained with a recipe."""

    loss: str
    recipe: str


class Choice(NamedTuple):
    """The winner of a family on one task and network; None where `why` says that there is none."""

    family: str
    task: str
    network: str
    winner: Trial | None
    why: str


def choose(params: Params, files: StudyPaths) -> list[Choice]:
    """Choose of each family the trial with the lowest LPIPS of those at most ALLOWED dB of PSNR below the base.

    The base is the first loss of the suite `tuning`. Trials of weights are in the suites whose names begin with TUNING;
    losses that have none are tried at several learning rates (RATES and TUNING). Scores are means over the task's
    tuning sets and the seeds of the suite `tuning`.
    UserError: there are no such suites, or no family has a winner; the message says what is missing.
    """
    suites = {name: suite for name, suite in params.suites.items() if name.startswith((TUNING, RATES))}
    if TUNING not in suites or CORE not in params.suites:
        raise UserError(
            f"studies/{params.study}.yaml has no suites '{TUNING}' and '{CORE}': winners belong below these."
        )
    first, found = suites[TUNING], list[Choice]()
    for task, network in ((task, network) for task in first.tasks for network in first.networks):
        mine = {name: suite for name, suite in suites.items() if task in suite.tasks and network in suite.networks}
        tried = {loss for name, suite in mine.items() if name.startswith(TUNING) for loss in suite.losses}
        rated = {loss for name, suite in mine.items() if name.startswith(RATES) for loss in suite.losses}
        rates = [first.recipe, *dict.fromkeys(suite.recipe for name, suite in mine.items() if name.startswith(RATES))]
        trials = {
            family.name: [Trial(loss, first.recipe) for loss in family.variants]
            for family in families({name: params.losses[name] for name in params.losses if name in tried})
            if family.parameter
        } | {loss: [Trial(loss, recipe) for recipe in rates] for loss in params.losses if loss in rated}
        scores = _scores(params, files, task, network, first.seeds or params.seeds)
        base = Trial(first.losses[0], first.recipe)
        found += [Choice(name, task, network, *_best(its, scores, base, params.tasks[task].tune))
                  for name, its in trials.items()]  # fmt: skip
    if not any(choice.winner for choice in found):
        raise UserError(
            f"studies/{params.study}.yaml: no family of losses has a winner yet (of {found[0].family}, {found[0].why})"
            ": train and measure its trials, then try again."
        )
    return found


def _scores(
    params: Params, files: StudyPaths, task: str, network: str, seeds: Collection[int]
) -> dict[Trial, tuple[float, float]]:
    """Return LPIPS and PSNR (dB) of the trials that all these seeds have scores of, over one set of tuning images."""
    plan = expand(params)["runs"]
    runs = {key: run for key, run in plan.items() if (run["task"], run["network"]) == (task, network)}
    measured = [files.scores(group) for group in dict.fromkeys(run["group"] for run in runs.values())]
    rows = [row for found in measured if found.rows.is_file() for row in load_scores(found).rows if row.run in runs]
    numbers: dict[tuple[str, str], list[float]] = {}
    for row in comparable(row for row in rows if row.dataset in params.tasks[task].tune):
        if row.metric == "lpips" or row.protocol in MAIN:
            numbers.setdefault((row.run, row.metric), []).append(row.value)

    def mean(run_keys: list[str], metric: str) -> float:
        return sum(sum(numbers[key, metric]) / len(numbers[key, metric]) for key in run_keys) / len(run_keys)

    found: dict[Trial, tuple[float, float]] = {}
    for trial in dict.fromkeys(map(_trial, runs.values())):
        keys = [key for key, run in runs.items() if _trial(run) == trial and run["seed"] in seeds]
        if len(keys) == len(seeds) and all((key, metric) in numbers for key in keys for metric in ("lpips", "psnr")):
            found[trial] = mean(keys, "lpips"), mean(keys, "psnr")
    return found


def _trial(run: PlannedRun) -> Trial:
    return Trial(run["loss"], run["recipe"])


def _best(
    trials: list[Trial], scores: dict[Trial, tuple[float, float]], base: Trial, sets: list[str]
) -> tuple[Trial | None, str]:
    missing = [trial for trial in trials if trial not in scores]
    if missing or base not in scores:
        lacking = missing[0] if missing else base
        n, names = len(missing) or 1, " and ".join(sets)
        return (
            None,
            f"{n} of {len(trials)} trials lack LPIPS or PSNR on {names}, as {lacking.loss} with {lacking.recipe}",
        )
    least, against = scores[base][1], TERM_TITLES.get(base.loss, base.loss)
    able = [trial for trial in trials if scores[trial][1] >= least - ALLOWED]
    if not able:
        return None, f"nothing is chosen: none of {len(trials)} trials keeps PSNR within {ALLOWED:.2f} dB of {against}"
    best = min(able, key=lambda trial: scores[trial][0])
    lpips, psnr = scores[best]
    number = f"LPIPS {lpips:.4f}, PSNR {psnr - least:+.2f} dB against {against}"
    return best, f"{best.loss} with {best.recipe}, of {len(trials)} trials ({number})"


def blocks(params: Params, choices: list[Choice]) -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    """Return what to write: after which suite -> the winners' suites and their texts; and recipes' names and texts."""
    first, core = params.suites[TUNING], params.suites[CORE]
    fresh = [max(first.seeds or params.seeds) + n for n in range(1, FRESH + 1)]
    suites, recipes = {TUNING: dict[str, str](), CORE: dict[str, str]()}, dict[str, str]()
    won = [choice.winner for choice in choices if choice.winner]
    for recipe in dict.fromkeys(trial.recipe for trial in sorted(won, key=lambda one: one.recipe != first.recipe)):
        end = "" if recipe == first.recipe else f"_{recipe.removeprefix(f'{first.recipe}_')}"
        longer = f"{core.recipe}{end}"
        if longer not in params.recipes:
            same = params.recipes[core.recipe].model_dump(mode="json", exclude_unset=True)
            rate = params.recipes[recipe].learning_rate
            recipes[longer] = f"  {longer}: {_flow({**same, 'learning_rate': rate})}\n"
        losses = list(dict.fromkeys([first.losses[0], *(trial.loss for trial in won if trial.recipe == recipe)]))
        fields = {"tasks": first.tasks, "networks": first.networks, "losses": losses}
        for after, name, its, seeds in (
            (TUNING, WINNERS, recipe, fresh),
            (CORE, f"{WINNERS}_{core.recipe}", longer, core.seeds or params.seeds),
        ):
            suites[after][f"{name}{end}"] = _suite(f"{name}{end}", {**fields, "recipe": its, "seeds": [*seeds]})
    return suites, recipes


def _suite(name: str, fields: dict[str, object]) -> str:
    question = "    question: What do the chosen weights give with seeds that chose nothing?\n"
    return f"  {name}:\n{question}" + "".join(f"    {key}: {_flow(value)}\n" for key, value in fields.items())


def _flow(value: object) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10**6)
    return text.strip().removesuffix("...").strip()


def written(text: str, params: Params, choices: list[Choice]) -> str:
    """Return a study's text with its winners, earlier ones replaced; everything else stays, comments too."""
    suites, recipes = blocks(params, choices)
    text = re.sub(rf"^  {WINNERS}\w*:\n(    .*\n)+", "", text, flags=re.MULTILINE)
    for after, mine in [*suites.items(), (params.suites[CORE].recipe, recipes)]:
        block = re.search(rf"^  {after}:.*\n(    .*\n)*", text, flags=re.MULTILINE)
        if block is None:
            raise UserError(f"studies/{params.study}.yaml: '{after}' does not stand on a line of its own: write it so.")
        text = text[: block.end()] + "".join(mine.values()) + text[block.end() :]
    Params.model_validate(yaml.safe_load(text))
    return text
