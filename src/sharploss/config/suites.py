"""What a study trains and shows, as params.yaml states it: suites of runs, crops, data sets of one's own."""

from typing import Annotated

from pydantic import Field

from sharploss.config.limits import ENTRIES, SEED, STEPS
from sharploss.config.recipe import Positive
from sharploss.config.tasks import Name, Strict

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
