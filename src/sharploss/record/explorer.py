"""The index of the crops that were made for the page's image explorer: which there are, with their scores."""

from collections.abc import Iterable

from pydantic import Field, RootModel

from sharploss.record.paths import StudyPaths
from sharploss.record.run import JsonRecord, read_model
from sharploss.utils.files import write_json


class ExplorerPicture(JsonRecord):
    """A crop as one variant restored it: its file beside the index and its scores, or why it is missing."""

    variant: str
    file: str = ""
    scores: dict[str, float] = Field(default={})  # by metric
    missing: str = ""


class ExplorerNetwork(JsonRecord):
    """The pictures of a crop that belong to one network, the target and the input first."""

    name: str
    pictures: list[ExplorerPicture]


class ExplorerCrop(JsonRecord):
    """A crop, as params.yaml has it under `explorer`, with its pictures."""

    name: str
    task: str
    dataset: str
    image: str
    top: int
    left: int
    height: int
    width: int
    networks: list[ExplorerNetwork]


def save_explorer(files: StudyPaths, crops: Iterable[ExplorerCrop]) -> None:
    """Write the index."""
    write_json(files.explorer_index, [crop.model_dump(exclude_unset=True) for crop in crops])


def load_explorer(files: StudyPaths) -> list[ExplorerCrop]:
    """Read the index, which is empty where none was made; UserError where it is damaged."""
    path = files.explorer_index
    return read_model(path, RootModel[list[ExplorerCrop]]).root if path.is_file() else []
