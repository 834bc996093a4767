"""params.yaml, read strictly: every key is known, every name resolves, or one sentence says what is wrong."""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from sharploss.config.check_leakage import check_leakage
from sharploss.config.check_names import check_names
from sharploss.config.extractors import Extractor
from sharploss.config.limits import ENTRIES, RUNS, exceeds_limit
from sharploss.config.loss_spec import LossSpec
from sharploss.config.network_spec import NetworkSpec
from sharploss.config.recipe import Recipe
from sharploss.config.suites import Crop, Dataset, Seeds, Suite
from sharploss.config.tasks import Name, Strict, Task
from sharploss.utils.errors import UserError
from sharploss.utils.models import load_model

RESERVED = ("published",)
"""Folders beside those of the studies, which no study may be named after."""


class Params(Strict):
    """The whole of params.yaml: one study."""

    study: Name
    seeds: Seeds = Field(min_length=1, max_length=ENTRIES)
    datasets: dict[Name, Dataset] = Field(
        default={}, max_length=ENTRIES, description="data sets of one's own, for tasks to name"
    )
    tasks: dict[Name, Task] = Field(max_length=ENTRIES)
    networks: dict[Name, NetworkSpec] = Field(
        max_length=ENTRIES, description="`network` names the class, the rest are its parameters"
    )
    losses: dict[Name, LossSpec] = Field(
        max_length=ENTRIES, description="term: weight, or term: {parameter: value, weight: w}"
    )
    extractors: dict[Name, Extractor] = Field(
        max_length=ENTRIES, description="discriminators of MDF losses, trained here; {} for none"
    )
    recipes: dict[Name, Recipe] = Field(max_length=ENTRIES)
    suites: dict[Name, Suite] = Field(max_length=ENTRIES)
    crops: dict[Name, Crop] = Field(default={}, max_length=ENTRIES, description="what the comparison figures show")

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.study in RESERVED:
            raise UserError(f"study: the folder '{self.study}' holds other results: choose another name.")
        self._check_limits()
        check_names(self)
        self._check_number_of_runs()
        check_leakage(self)
        return self

    def _check_limits(self) -> None:
        """Refuse parameters that no machine can use, whatever they mean."""
        given = {f"networks.{name}": network.parameters for name, network in self.networks.items()}
        for name, loss in self.losses.items():
            given |= {f"losses.{name}.{term}": value.parameters for term, value in loss.terms.items()}
        for where, parameters in given.items():
            problem = exceeds_limit(parameters)
            if problem:
                raise UserError(f"{where}.{problem}.")

    def _check_number_of_runs(self) -> None:
        """Refuse to multiply out what would never end."""
        total = 0
        for name, suite in self.suites.items():
            seeds = len(suite.seeds or self.seeds)
            total += len(suite.tasks) * len(suite.networks) * len(suite.losses) * seeds
            if total > RUNS:
                raise UserError(
                    f"suites.{name} brings the study to {total} runs; the maximum is {RUNS}: make studies of its parts."
                )


def load_params(path: str | Path = "params.yaml") -> Params:
    """Read a study's parameters; errors are those of `load_model`."""
    return load_model(path, Params)
