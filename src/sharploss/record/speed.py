"""How fast trainings were on this device: by the records of all runs that are here, and by steps that were timed."""

from contextlib import suppress
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, ValidationError

from sharploss.config.run_config import RunConfig, stored_config
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
    config: Annotated[RunConfig, BeforeValidator(stored_config)]


def load_speeds(root: Path = Path()) -> list[Speed]:
    """Read all speeds; those without one that a machine can have, of another version, or damaged, are left out."""
    found = load_timed(root)
    for files in every_run_record(root):
        with suppress(UserError):
            found.append(read_model(files.provenance, Speed))
    return found


def load_timed(root: Path = Path()) -> list[Speed]:
    """Read the speeds of timed steps; those of another version, or damaged, are left out."""
    found, content = list[Speed](), list[object]()
    with suppress(UserError, TypeError):
        content = [*read_json(root / TIMED)]
    for speed in content:
        with suppress(ValidationError):
            found.append(Speed.model_validate(speed))
    return found


def save_timed(speeds: list[Speed]) -> None:
    """Write the speeds of timed steps."""
    write_json(TIMED, [speed.model_dump(mode="json") for speed in speeds])
