"""What params.yaml consists of."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from sharploss.config.extractors import Extractor
from sharploss.config.limits import ENTRIES, LETTERS, SEED, STEPS
from sharploss.config.loss_spec import LossSpec
from sharploss.config.recipe import Positive, Recipe
from sharploss.config.tasks import Name, Strict, Task


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

    @property
    def item(self) -> str:
        """The image's name with its set's, as packs have it: "<set>/<image>"."""
        return f"{self.dataset}/{self.image}"


class Dataset(Strict):
    """A data set of one's own."""

    images: str = Field(description="a folder or zip file of images, relative to the repository's folder")
    inputs: str | None = Field(default=None, description="a folder or zip file of degraded images of the same names")
    licence: str = ""


class Sections(Strict):
    """The sections of params.yaml, each checked for itself; `params.Params` checks them against one another."""

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
    explorer: dict[Name, Crop] = Field(
        default={}, max_length=ENTRIES, description="what pipelines/explorer.py restores for the page's image explorer"
    )
