"""params.yaml, read strictly: every key is known, every name resolves, or one sentence says what is wrong."""

from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sharploss.config.check_leakage import check_leakage
from sharploss.config.check_names import check_names
from sharploss.config.extractors import Extractor
from sharploss.config.limits import ENTRIES, LETTERS, RUNS, SEED, STEPS, exceeds_limit
from sharploss.config.loss_spec import LossSpec
from sharploss.config.recipe import Positive, Recipe
from sharploss.config.tasks import Name, Strict, Task
from sharploss.utils.errors import UserError
from sharploss.utils.models import load_model

RESERVED = ("published",)
"""Folders beside those of the studies, which no study may be named after."""


class NetworkSpec(BaseModel):
    """A network: `{network: edsr, blocks: 4}`. Which parameters there are, the network's class says."""

    model_config = ConfigDict(extra="allow", frozen=True)

    network: str = Field(max_length=LETTERS, description="the network's class; the other keys are its parameters")

    @property
    def parameters(self) -> dict[str, Any]:
        """What is stated beside the name, by name."""
        return dict(self.model_extra or {})


Seeds = list[Annotated[int, Field(ge=0, le=SEED)]]
Names = Annotated[list[Name], Field(min_length=1, max_length=ENTRIES)]


class Suite(Strict):
    """The runs behind one table or one question: every network with every loss."""

    question: str
    tasks: Names
    networks: Names
    losses: Names
    recipe: Name
    seeds: Seeds | None = Field(default=None, max_length=ENTRIES, description="instead of the study's seeds")


class Crop(Strict):
    """A rectangle of a test image that the comparison figures show."""

    task: Name
    dataset: Name
    image: str
    top: int = Field(ge=0, le=STEPS)
    left: int = Field(ge=0, le=STEPS)
    height: Positive = 96
    width: Positive = 96


class Dataset(Strict):
    """A data set of one's own."""

    images: str = Field(description="a folder or zip file of images, relative to the repository's folder")
    inputs: str | None = Field(default=None, description="a folder or zip file of degraded images of the same names")
    licence: str = ""


class Params(Strict):
    """The whole of params.yaml: one study."""

    study: Name
    seeds: Seeds = Field(min_length=1, max_length=ENTRIES)
    datasets: dict[Name, Dataset] = Field(
        default={}, max_length=ENTRIES, description="data sets of one's own, for tasks to name"
    )
    tasks: dict[Name, Task] = Field(max_length=ENTRIES)
    networks: dict[Name, NetworkSpec] = Field(max_length=ENTRIES)
    losses: dict[Name, LossSpec] = Field(max_length=ENTRIES)
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
                raise UserError(
                    f"suites.{name} brings the study to {total} runs; the maximum is {RUNS}: make studies of its parts."
                )
        check_leakage(self)
        return self


def load_params(path: str | Path = "params.yaml") -> Params:
    """Read a study's parameters; errors are those of `load_model`."""
    return load_model(path, Params)
