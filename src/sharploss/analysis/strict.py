"""YAML files of data, read strictly: an unknown key or a bad value is one sentence that names it."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from sharploss.utils.errors import UserError, unknown
from sharploss.utils.yaml_files import load_yaml

Model = TypeVar("Model", bound=BaseModel)


def load_strict(path: Path, model: type[Model], others: tuple[type[BaseModel], ...]) -> Model:
    """Read a YAML file into a strict model.

    Args:
        path: the file.
        model: what the whole file is.
        others: the models within it, whose keys are named when one is misspelt.

    Raises:
        UserError: the file is missing, is no YAML, or holds an unknown key or a bad value; the message names the
            place, and for an unknown key the nearest valid one.
    """
    try:
        return model.model_validate(load_yaml(path))
    except ValidationError as error:
        known = dict.fromkeys(field for each in (model, *others) for field in each.model_fields)
        raise UserError(f"{path}: {_sentence(error, list(known))}") from None


def _sentence(error: ValidationError, known: list[str]) -> str:
    errors = error.errors()
    # A misspelt key is also a missing one; the misspelling is what helps.
    first = next((one for one in errors if one["type"] == "extra_forbidden"), errors[0])
    where = ".".join(str(part) for part in first["loc"] if part != "[key]")
    if first["type"] == "extra_forbidden":
        above, _, name = where.rpartition(".")
        return f"{above or 'top level'}: {unknown('key', name, known)}"
    if first["type"] == "missing":
        return f"{where} is missing."
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, UserError):
        return f"{where}: {cause}"
    return f"{where or 'the file'} is {first['input']!r}: {first['msg'][0].lower()}{first['msg'][1:]}."
