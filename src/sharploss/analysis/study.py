"""A study as the analysis sees it: its results as tidy tables, and what everything else computes from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import pandas as pd

from sharploss.analysis.measures import Measure, column, default_protocol
from sharploss.analysis.papers import About, load_about
from sharploss.analysis.stats.baselines import Weights, baseline_of
from sharploss.analysis.stats.evidence import Spreads, qualified, seed_spreads
from sharploss.analysis.stats.intervals import ROW, TRAINED, LeftOut, base_losses, differences, left_out, means
from sharploss.analysis.titles import loss_titles, name_title
from sharploss.config.loss_spec import LossSpec
from sharploss.config.params import Params
from sharploss.config.protocols import METRIC_INFO, REFERENCES, WHOLE_SET
from sharploss.planning.plan import PlannedRun
from sharploss.record.paths import StudyPaths
from sharploss.record.run import Provenance

NOT_TRAINED = "not_trained"  # the status of a run whose loss needs weights that cannot be had; its record says why
CACHED_STUDIES = 4  # of how many studies everything computed is kept; more than one only in tests


@dataclass(frozen=True, eq=False)
class Study:
    """Everything the analysis reads."""

    params: Params  # the typed study
    paths: StudyPaths  # where its files lie
    # one row per run of the plan, in its order: run, task, network, loss, recipe, seed, variant (the run's name
    # without group and seed: the loss, with the recipe where that is not the study's own), group, suites, alpha (NaN
    # where the loss is not SPLoss alone), reference (the name of the task's input baseline), status, failure (why it
    # has no scores, "" when finished), step, seconds, steps_per_second, memory and parameters (NaN where nothing was
    # trained)
    runs: pd.DataFrame
    # one row per number: run, task, network, loss, recipe, variant, seed, alpha, dataset, image, metric, protocol,
    # value. Input baselines have the loss "bicubic" or "input" and the network and recipe "". Runs that diverged or
    # were not trained have no rows. Numbers of a whole set (FID) have an image of their own. PSNR of an image that
    # was restored exactly is infinite.
    every_score: pd.DataFrame
    # those of `every_score` that means are taken of: of every task, test set, metric and protocol the images on which
    # all runs have a finite one (`record.scores.comparable`)
    scores: pd.DataFrame
    # one row per line of the record: run, event, step, total, psnr_y, terms (a dict, unweighted), gradient (the norm
    # of the network's), discriminator (a dict, where the loss is adversarial:
    # sharploss.training.discriminator.LOGGED)
    history: pd.DataFrame
    # metric -> reason (one sentence), for metrics without a single score
    not_measured: dict[str, str] = field(default_factory=dict[str, str])
    missing_sets: dict[str, str] = field(default_factory=dict[str, str])  # test set -> reason
    # failure of runs that were not trained -> what to do about it, where that is known
    cures: dict[str, str] = field(default_factory=dict[str, str])
    datasets: list[str] = field(default_factory=list[str])  # test sets that were scored, in the order of the task
    # run -> how it came about, of the runs that were trained
    provenance: dict[str, Provenance] = field(default_factory=dict[str, Provenance])
    evaluation_seconds: float = 0.0  # time spent on measuring, in seconds
    absent: list[PlannedRun] = field(default_factory=list[PlannedRun])  # the runs of the plan without results

    @property
    def root(self) -> Path:
        """Return the repository's folder."""
        return self.paths.root

    # What tables, claims, figures and the page all need is computed once for a study.

    @cached_property
    def measured(self) -> dict[str, list[Measure]]:
        """Return the measures that have a score, for each task."""
        cells = self.scores[["task", "metric", "protocol"]].drop_duplicates()
        found: dict[str, list[Measure]] = {}
        for task, metric, protocol in cells.itertuples(index=False):
            found.setdefault(str(task), []).append((str(metric), str(protocol)))
        return found

    @cached_property
    def images(self) -> dict[tuple[str, str], int]:
        """Count the images of each task and test set; a set with numbers of the whole alone counts as one."""
        images = self.every_score[["task", "dataset", "image"]].drop_duplicates()
        counts = dict[tuple[str, str], list[int]]()
        for task, dataset, image in images.itertuples(index=False):
            counts.setdefault((str(task), str(dataset)), []).append(image != WHOLE_SET)
        return {key: max(1, sum(found)) for key, found in counts.items()}

    @cached_property
    def means(self) -> pd.DataFrame:
        """Average the scores over images and seeds (`intervals.means`); `n` is the number of images."""
        return means(self.scores)

    @cached_property
    def measures(self) -> list[Measure]:
        """List the study's measures, known metrics first in their fixed order, those not measured included."""
        found = list(dict.fromkeys(measure for measures in self.measured.values() for measure in measures))
        found += [(metric, default_protocol(metric)) for metric in self.not_measured]
        order = list(METRIC_INFO)
        return sorted(found, key=lambda measure: order.index(measure[0]) if measure[0] in order else len(order))

    def widen(self, cells: pd.DataFrame, index: list[str], values: dict[str, str]) -> pd.DataFrame:
        """Spread cells (a row per index and measure) over columns per measure; `values`: what follows its name."""
        order = list(map(column, self.measures))
        columns = [f"{name}{end}" for name in order for end in values.values()]
        named = cells.assign(column=[*map(column, zip(cells["metric"], cells["protocol"], strict=True))])
        if cells.empty:
            return pd.DataFrame(columns=[*index, *columns])
        wide = pd.DataFrame(named.set_index([*index, "column"])[list(values)].unstack("column"))
        wide.columns = [f"{name}{values[str(value)]}" for value, name in wide.columns]
        return wide.reset_index().reindex(columns=[*index, *columns])

    @cached_property
    def wide_means(self) -> pd.DataFrame:
        """Return the means with a column per measure ("psnr_y"), and over how many images each is ("psnr_y_images")."""
        return self.widen(self.means, [*ROW, "dataset"], {"value": "", "n": "_images"})

    @cached_property
    def left_out(self) -> dict[tuple[str, str, str, str], LeftOut]:
        """Find the images over which means are not taken (`intervals.left_out`)."""
        return left_out(self.every_score, self.scores)

    @cached_property
    def about(self) -> About:
        """Read from claims.yaml the papers, the baselines of losses, and what the answer is about."""
        return load_about(self.root)

    @cached_property
    def specs(self) -> dict[str, LossSpec]:
        """Return the losses that the study trains, as params.yaml states them."""
        used = set(self.runs["loss"])
        return {name: spec for name, spec in self.params.losses.items() if name in used}

    @cached_property
    def terms(self) -> dict[str, Weights]:
        """Return the terms of every loss of the study with their weights: loss -> term -> weight."""
        return {loss: spec.weights for loss, spec in self.specs.items()}

    @cached_property
    def titles(self) -> dict[str, str]:
        """Return what every loss and input baseline is called where people read (`titles.loss_titles`)."""
        return {name: name_title(name) for name in REFERENCES} | loss_titles(self.specs, self.about.titles)

    def term_title(self, term: str) -> str:
        """Return what a term of a loss is called where people read."""
        return self.about.titles.terms.get(term, term)

    def family_title(self, family: str) -> str:
        """Return what a family of losses (`families.LossFamily.name`) is called: its terms, or its one loss's title."""
        terms = " + ".join(map(self.term_title, family.split(" + ")))
        return terms if terms != family else self.titles.get(family, family)

    @cached_property
    def baseline_of(self) -> dict[str, str]:
        """Return the baseline of each of the study's losses that has one (`baselines.baseline_of`)."""
        return baseline_of(self.terms, self.about.baselines)

    @property
    def references(self) -> list[str]:
        """List the losses that others are compared with: of each task, network and recipe the first trained one."""
        return self.about.baselines.references

    @cached_property
    def bases(self) -> pd.DataFrame:
        """Return what others are compared with (TRAINED, against): the first reference trained, diverged or not."""
        return base_losses(self.runs[self.runs["status"] != NOT_TRAINED], self.references)

    @cached_property
    def qualified(self) -> pd.DataFrame:
        """Decide whether each run counts (`evidence.qualified`): columns run, gain, reason ("" where it counts)."""
        return qualified(self.runs, self.scores)

    @cached_property
    def unqualified(self) -> pd.DataFrame:
        """List what counts nowhere though it has scores (ROW): one seed that does not qualify takes all with it."""
        runs = self.runs.merge(self.qualified, on="run")
        return runs.loc[(runs["reason"] != "") & (runs["status"] == "finished"), ROW].drop_duplicates(ignore_index=True)

    def without_unqualified(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Keep the rows (columns ROW) that do not come from runs that count nowhere."""
        marked = rows[ROW].merge(self.unqualified.assign(out=True), on=ROW, how="left")["out"]
        return rows[marked.isna().to_numpy()]

    @cached_property
    def counted(self) -> pd.DataFrame:
        """Return `scores` without the runs that do not qualify: what contrasts are made of."""
        return self.without_unqualified(self.scores)

    @cached_property
    def spreads(self) -> Spreads:
        """Return how far two trainings of one loss lie apart (`evidence.seed_spreads`)."""
        return seed_spreads(self.counted, self.baseline_of)

    @cached_property
    def compared(self) -> pd.DataFrame:
        """Compare every loss with its baseline (`intervals.differences`)."""
        found = differences(self.counted, self.references, self.spreads)
        return found.merge(self.bases, on=[*TRAINED, "against"])[list(found.columns)]
