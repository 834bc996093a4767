"""params.yaml, read strictly: every key is known, every name resolves, or one sentence says what is wrong."""

from pathlib import Path
from typing import Any, Self, get_args

from pydantic import Field, ValidationError, model_validator

from sharploss.config.check_leakage import check_leakage
from sharploss.config.check_names import check_names
from sharploss.config.extractors import Extractor
from sharploss.config.limits import ENTRIES, RUNS, describe_problem, exceeds_limit
from sharploss.config.loss_spec import LossSpec
from sharploss.config.network_spec import NetworkSpec
from sharploss.config.recipe import Recipe
from sharploss.config.suites import Crop, Dataset, Seeds, Suite
from sharploss.config.tasks import KINDS, Name, Strict, Task
from sharploss.utils.errors import UserError, unknown
from sharploss.utils.yaml_files import load_yaml

RESERVED = ("published",)
"""Folders beside those of the studies, which no study may be named after."""


class Params(Strict):
    """The whole of params.yaml: one study."""

    study: Name
    seeds: Seeds = Field(min_length=1, max_length=ENTRIES)
    datasets: dict[Name, Dataset] = Field(
        default={}, max_length=ENTRIES, description="data sets of one's own, for tasks to name"
    )
    tasks: dict[Name, Task] = Field(max_length=ENTRIES)
    networks: dict[Name, NetworkSpec] = Field(
        max_length=ENTRIES, description="`network` names the class, the rest are its parameters"
    )
    losses: dict[Name, LossSpec] = Field(
        max_length=ENTRIES, description="term: weight, or term: {parameter: value, weight: w}"
    )
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
        self._check_limits()
        check_names(self)
        self._check_number_of_runs()
        check_leakage(self)
        return self

    def _check_limits(self) -> None:
        """Refuse parameters that no machine can use, whatever they mean."""
        given = {f"networks.{name}": network.parameters for name, network in self.networks.items()}
        for name, loss in self.losses.items():
            given |= {f"losses.{name}.{term}": value.parameters for term, value in loss.terms.items()}
        for where, parameters in given.items():
            problem = exceeds_limit(parameters)
            if problem:
                raise UserError(f"{where}.{problem}.")

    def _check_number_of_runs(self) -> None:
        """Refuse to multiply out what would never end."""
        total = 0
        for name, suite in self.suites.items():
            seeds = len(suite.seeds or self.seeds)
            total += len(suite.tasks) * len(suite.networks) * len(suite.losses) * seeds
            if total > RUNS:
                raise UserError(
                    f"suites.{name} brings the study to {total} runs; the maximum is {RUNS}: make studies of its parts."
                )


def load_params(path: str | Path = "params.yaml") -> Params:
    """Read a study's parameters.

    Raises:
        UserError: the file is missing, is not YAML, or holds an unknown key or a value out of range; the message
            names the file and key, and for a misspelt key the nearest valid one.
    """
    content = load_yaml(path)
    try:
        return Params.model_validate(content)
    except ValidationError as error:
        raise UserError(f"{path}: {_describe(error)}") from None


def _describe(error: ValidationError) -> str:
    """Return the first problem as one sentence, in the words of the file."""
    first = error.errors()[0]
    where = [part if isinstance(part, int) else part[:80] for part in first["loc"] if part != "[key]"]
    kind = where.pop(2) if where[:1] == ["tasks"] and len(where) > 2 and where[2] in KINDS else None
    key = ".".join(map(str, where))
    if first["type"] == "extra_forbidden":
        *where, name = where
        return f"{'.'.join(map(str, where)) or 'top level'}: {unknown('key', name, _fields_at(where, kind))}"
    if first["type"] == "union_tag_invalid":
        return f"{key}.kind: {unknown('kind of task', first['input'].get('kind'), KINDS)}"
    if first["type"] == "union_tag_not_found":
        return f"{key}.kind is missing."
    if first["type"] == "missing":
        return f"{key} is missing."
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, UserError):
        return f"{key}: {cause}" if key else str(cause)
    return f"{describe_problem(key, first)}."


def _fields_at(where: list[Any], kind: Any) -> list[str]:
    """Return the keys that the mapping at this place of the file can have."""
    model: Any = Params if kind is None else KINDS[kind]
    if kind is None and where:
        model = get_args(Params.model_fields[where[0]].annotation)[1]  # of {name: model}
    if kind is None and len(where) > 2:
        model = get_args(model.model_fields[where[2]].annotation)[0]  # of model or None
    return list(model.model_fields)
