"""params.yaml, read strictly: every key is known, every name resolves, or one sentence says what is wrong."""

from pathlib import Path
from typing import Self

from pydantic import model_validator

from sharploss.config.check_leakage import check_leakage
from sharploss.config.check_names import check_names
from sharploss.config.limits import RUNS, exceeds_limit
from sharploss.config.sections import Sections
from sharploss.utils.errors import UserError
from sharploss.utils.models import load_model

RESERVED = ("published",)  # folders beside those of the studies, which no study may be named after


class Params(Sections):
    """The whole of params.yaml: one study."""

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.study in RESERVED:
            raise UserError(f"study: the folder '{self.study}' holds other results: choose another name.")
        given = {f"networks.{name}": network.parameters for name, network in self.networks.items()}
        for name, loss in self.losses.items():
            given |= {f"losses.{name}.{term}": value.parameters for term, value in loss.terms.items()}
        for where, parameters in given.items():
            if problem := exceeds_limit(parameters):
                raise UserError(f"{where}.{problem}.")
        check_names(self)
        total = 0
        for name, suite in self.suites.items():  # multiplied out, they might never end
            seeds = len(suite.seeds or self.seeds)
            total += len(suite.tasks) * len(suite.networks) * len(suite.losses) * seeds
            if total > RUNS:
                what = f"suites.{name} brings the study to {total} runs; the maximum is {RUNS}"
                raise UserError(f"{what}: make studies of its parts.")
        check_leakage(self)
        return self


def load_params(path: str | Path = "params.yaml") -> Params:
    """Read a study's parameters; errors are those of `load_model`."""
    return load_model(path, Params)


def check_unchanged(params: Params, task: str, extractor: str = "") -> None:
    """Raise a UserError where a stage's settings changed while it ran: DVC records those that it finds afterwards."""
    now = load_params()
    pairs = ((one.tasks.get(task), one.extractors.get(extractor), one.datasets) for one in (params, now))
    if next(pairs) != next(pairs):
        raise UserError(f"params.yaml has other settings of {extractor or task} than this began with: run it again.")
