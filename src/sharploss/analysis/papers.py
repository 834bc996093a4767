"""What claims.yaml states beside the claims: the papers, the baselines of losses, and what the answer is about."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from sharploss.analysis.titles import Titles
from sharploss.config.tasks import Name, Strict
from sharploss.utils.models import validated
from sharploss.utils.yaml_files import load_yaml


class UnpublishedTable(Strict):
    """A table in the shape of a paper whose numbers are not at hand: what was measured, without printed numbers."""

    title: str
    losses: list[Name] = Field(min_length=2, description="in their order, the paper's own last")
    against: Name | None = Field(default=None, description="what all others are compared with; else what they add to")
    measures: dict[Name, str] = Field(min_length=1, description="metric -> protocol")


class Paper(Strict):
    """A paper as the analysis shows it."""

    page: Name = Field(
        description="docs/papers/<page>.md, claims/<page>.md of a study, and its file of figures, if any"
    )
    cite: Name = Field(description="its key in results/published/papers.bib")
    loss: Name = Field(description="the loss that stands for it on the first screen")
    terms: dict[Name, str] = Field(min_length=1, description="the terms of losses that it brings -> their titles")
    losses: dict[Name, str] = Field(default={}, description="losses of many terms with a name of their own -> it")
    metrics: dict[Name, Name] = Field(default={}, description="term -> the metric that it is: no evidence of the term")
    table: UnpublishedTable | None = None


class Baselines(Strict):
    """The pairings that the losses' terms do not show."""

    references: list[Name] = Field(min_length=1, description="the first that was trained counts")
    replaces: dict[Name, Name] = Field(default={}, description="loss -> the loss of which it replaces a term")


class Subject(Strict):
    """What the answer is about: a loss in the place of the first reference."""

    loss: Name
    budgets: list[Name] = Field(min_length=1, description="whose PSNR against the reference is given for each budget")
    claim: str = Field(description="that the loss lowers PSNR, which may depend on the budget")


class About(Strict):
    """The sections of claims.yaml beside the claims."""

    papers: dict[str, Paper] = Field(description="short name -> the paper")
    baselines: Baselines
    subject: Subject

    @property
    def titles(self) -> Titles:
        """Return what terms and losses are called: those of no paper, and those of the papers."""
        known, papers = Titles(), self.papers.values()
        terms = {term: title for paper in papers for term, title in paper.terms.items()}
        losses = {loss: title for paper in papers for loss, title in paper.losses.items()}
        return Titles({**known.terms, **terms}, {**known.losses, **losses})


def load_about(root: Path) -> About:
    """Read the sections of claims.yaml in `root` beside the claims, which are not looked at."""
    path = root / "claims.yaml"
    content = load_yaml(path)
    return validated({name: content[name] for name in About.model_fields if name in content}, About, str(path))


def load_titles(root: Path) -> Titles:
    """Return what terms and losses are called; without a claims.yaml in `root` those of no paper alone."""
    return load_about(root).titles if (root / "claims.yaml").is_file() else Titles()
