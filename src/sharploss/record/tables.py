"""Small tables of a study: the calibration and the protocols as typed rows, and the columns of those of numbers."""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import AfterValidator, Field, ValidationError

from sharploss.record.run import JsonRecord
from sharploss.record.scores import read_table
from sharploss.utils.errors import UserError, shown
from sharploss.utils.files import write_csv


def _finite(text: str) -> str:
    if not math.isfinite(float(text)):
        raise ValueError(text)
    return text


Number = Annotated[str, AfterValidator(_finite)]
"""A number as it is printed: with its decimals and, of a difference, its sign."""


class CalibrationRow(JsonRecord):
    """A published number and what was measured here beside it; `explanation` says why nothing was."""

    dataset: Literal["set5", "set14", "b100", "urban100", "classic5", "live1"]
    kind: Literal["sr", "jpeg", "lr"]
    setting: int = Field(ge=1, le=100)  # the scale, or the quality
    protocol: Literal["luma alone", "grey8", "rgb"]
    metric: Literal["psnr", "ssim", "differing_samples"]
    measured: Number | Literal[""] = ""
    published: Number
    difference: Number | Literal[""] = ""
    tolerance: Number
    status: Literal["ok", "off", "not calibrated"] = "not calibrated"
    source: str
    explanation: str


class ProtocolRow(JsonRecord):
    """A number of the picture: its protocol and metric by their keys, its value as printed, or why there is none."""

    protocol: str
    metric: str
    value: Number | Literal[""]
    note: str


EDGE_COLUMNS = ("row", "column", "target", "output", "laplacian", "error", "penalised", "weight")
"""Of edge.csv (`sharploss.evaluation.edge`): pixels of a piece of an image; luma in [0, 1]."""

VARIANCE_COLUMNS = ("run", "image", "direction", "rank", "patches", "target", "output")
"""Of variance.csv (`sharploss.evaluation.variance`): points of a curve."""

Row = TypeVar("Row", bound=JsonRecord)


def save_rows(path: Path, model: type[Row], rows: Iterable[Row]) -> None:
    """Write typed rows as a csv file, a column for each field of the model."""
    write_csv(path, model.model_fields, (row.model_dump().values() for row in rows))


AGAIN = "delete it and run 'make repro' to make it again"


def load_rows(path: Path, model: type[Row], columns: Sequence[str] = (), cure: str = AGAIN) -> list[Row]:
    """Read a csv file as typed rows, of all fields of the model or of `columns`; UserError where it is damaged.

    The message names the file, the line and the column, and the `cure`.
    """
    rows = list[Row]()
    for number, row in enumerate(read_table(path, columns or model.model_fields), 2):
        try:
            rows.append(model.model_validate(row))
        except ValidationError as error:
            column = str(error.errors()[0]["loc"][0])
            raise UserError(f"{path}, line {number}: {column} cannot be {shown(row[column])}: {cure}.") from None
    return rows
