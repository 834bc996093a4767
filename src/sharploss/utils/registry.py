"""Build an object from a name and named parameters, as params.yaml gives them."""

import inspect
from collections.abc import Mapping
from typing import Any, TypeVar

from sharploss.utils.errors import UserError, sentence, unknown

T = TypeVar("T")


def construct(kind: str, name: str, classes: Mapping[str, type[T]], parameters: Mapping[str, Any]) -> T:
    """Build the object of `classes` that `name` stands for; `kind` is what it is called in messages ("loss term").

    UserError for an unknown name or parameter (the message names the nearest one), or a value the class refuses.
    """
    known = defaults(kind, name, classes)
    for parameter in parameters:
        if parameter not in known:
            raise UserError(f"{kind} '{name}': {unknown('parameter', parameter, known)}")
    try:
        return classes[name](**parameters)
    except ValueError as error:
        raise UserError(f"{kind} '{name}': {sentence(error)}") from None


def defaults(kind: str, name: str, classes: Mapping[str, type[Any]]) -> dict[str, Any]:
    """Return the parameters of the class that `name` stands for, with their default values; UserError without one."""
    if name not in classes:
        raise unknown(kind, name, classes)
    named = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    parameters = inspect.signature(classes[name]).parameters.values()
    return {parameter.name: parameter.default for parameter in parameters if parameter.kind in named}
