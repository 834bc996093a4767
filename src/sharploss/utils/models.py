"""Values of files, read into strict models: an unknown key or a bad value is one sentence in the file's own words."""

from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from sharploss.utils.argument_checks import yaml_hint
from sharploss.utils.errors import UserError, shown, unknown

Model = TypeVar("Model", bound=BaseModel)

BOUNDS = {
    "less_than_equal": ("the maximum is", "le"),
    "less_than": ("it must be below", "lt"),
    "greater_than_equal": ("the minimum is", "ge"),
    "greater_than": ("it must be above", "gt"),
}
"""Errors of pydantic's bounds: how a message states the bound, and where the error holds it."""


def load_model(path: str | Path, model: type[Model]) -> Model:
    """Read a YAML file into a model; the UserError names the file and the key, for a misspelt one the nearest valid."""
    from sharploss.utils.yaml_files import load_yaml  # the library, which reads no YAML, imports this module too

    return validated(load_yaml(path), model, str(path))


def validated(content: object, model: type[Model], what: str) -> Model:
    """Read a value into a model; UserError, beginning with `what`, where it does not fit."""
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise UserError(f"{what}: {describe_problem(error, model)}") from None


def describe_problem(error: ValidationError, model: type[BaseModel]) -> str:
    """Return what a model refused, as "recipes.mini.steps is -3; it must be above 0."."""
    errors = error.errors()
    # A misspelt key is also a missing one; the misspelling is what helps.
    first = next((one for one in errors if one["type"] == "extra_forbidden"), errors[0])
    keys, known = _place(model, first["loc"])
    key, kind, context = ".".join(keys), first["type"], first.get("ctx", {})
    if kind == "extra_forbidden":
        return f"{'.'.join(keys[:-1]) or 'top level'}: {unknown('key', keys[-1], known)}"
    if kind == "union_tag_invalid":
        tags = context["expected_tags"].replace("'", "").split(", ")
        return f"{'.'.join([*keys, 'kind'])}: {unknown('kind', context['tag'], tags)}"
    if kind in ("missing", "union_tag_not_found"):
        return f"{key if kind == 'missing' else '.'.join([*keys, 'kind'])} is missing."
    if isinstance(context.get("error"), UserError):
        return f"{key}: {context['error']}" if key else str(context["error"])
    given = f"{key or 'the file'} is {shown(first['input'])}"
    if kind in BOUNDS:
        words, bound = BOUNDS[kind]
        return f"{given}; {words} {context[bound]:.12g}."
    return f"{given}; {first['msg'][0].lower()}{first['msg'][1:]}{yaml_hint(first['input'])}."


@cache
def _schema(model: type[BaseModel]) -> dict[str, Any]:
    return model.model_json_schema()


def _place(model: type[BaseModel], place: tuple[int | str, ...]) -> tuple[list[str], list[str]]:
    """Return the keys that lead to a place, as the file has them, and all that could stand there in the last's stead.

    Pydantic's own place also names the kind that a mapping was taken for.
    """
    schema = _schema(model)
    node, keys, known = schema, list[str](), list[str]()
    for part in (part for part in place if part != "[key]"):
        while "$ref" in node or "anyOf" in node:
            node = next((one for one in node.get("anyOf", [node]) if "$ref" in one), {})
            node = schema["$defs"].get(node.get("$ref", "").rsplit("/", 1)[-1], {})
        tags = node.get("discriminator", {}).get("mapping", {})
        if part in tags:
            node = {"$ref": tags[part]}
            continue
        keys.append(str(part)[:80])
        known = list(node.get("properties", {}))
        inner: list[Any] = [node.get("properties", {}).get(part), node.get("items"), node.get("additionalProperties")]
        inner += node.get("patternProperties", {}).values()
        node = next((one for one in inner if isinstance(one, dict)), {})
    return keys, known
