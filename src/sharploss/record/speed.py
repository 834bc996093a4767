"""How fast trainings were on this device: by the records of all runs that are here, and by steps that were timed."""

from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from sharploss.record.paths import TIMED, every_run_record
from sharploss.record.run import JsonRecord, read_model
from sharploss.utils.errors import UserError
from sharploss.utils.files import read_json, write_json


class Speed(JsonRecord):
    """What `Provenance` and the timed steps have in common."""

    device: str
    hardware: str
    processes: int = 1  # that shared each batch
    steps_per_second: Annotated[float, Field(gt=1e-6)]
    config: dict[str, Any]  # the resolved run


def load_speeds(root: Path = Path()) -> list[Speed]:
    """Read all speeds; those without one that a machine can have, of another version, or damaged, are left out."""
    found = load_timed(root)
    for files in every_run_record(root):
        with suppress(UserError):
            found.append(read_model(files.provenance, Speed))
    return found


def load_timed(root: Path = Path()) -> list[Speed]:
    """Read the speeds of timed steps; none where the file is missing or damaged."""
    with suppress(UserError, ValueError):
        return TypeAdapter(list[Speed]).validate_python(read_json(root / TIMED))
    return []


def save_timed(speeds: list[Speed]) -> None:
    """Write the speeds of timed steps."""
    write_json(TIMED, [speed.model_dump(mode="json") for speed in speeds])
