"""params.yaml, read strictly: every key is known, every name resolves, or one sentence says what is wrong."""

import math
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sharploss.errors import UserError, unknown

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]*$")]
"""A name in params.yaml: it becomes part of run keys, file names and stage names."""

Positive = Annotated[int, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0, lt=1)]


class Strict(BaseModel):
    """A mapping whose unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Task(Strict):
    """What was done to the images, and which sets carry it."""

    kind: Literal["sr"] = Field(description="sr: shrunk with MATLAB's bicubic")
    scale: Literal[2, 3, 4] = Field(description="how many times smaller the input is, per side")
    train: list[Name] = Field(min_length=1, description="data sets the networks learn from")
    validation: list[Name] = Field(min_length=1, description="data sets of the validation curve; never tested on")
    test: list[Name] = Field(
        min_length=1, description="data sets the tables report; those that cannot be had are left out"
    )


class Recipe(Strict):
    """How a network is trained: optimiser, schedule, patch, batch, steps."""

    steps: Positive = Field(description="optimiser steps")
    batch: Positive = Field(description="patches per step")
    patch: Positive = Field(description="side of an input patch, in pixels")
    optimizer: Literal["adam", "sgd"] = "adam"
    learning_rate: float = Field(gt=0, description="the highest learning rate")
    betas: tuple[Fraction, Fraction] = Field(default=(0.9, 0.999), description="Adam's two averages")
    momentum: Fraction = Field(default=0.9, description="of SGD")
    weight_decay: float = Field(default=0.0, ge=0)
    clip_norm: float | None = Field(default=None, gt=0, description="largest L2 norm of the whole gradient")
    schedule: Literal["constant", "cosine", "multistep"] = "constant"
    warmup: int = Field(default=0, ge=0, description="steps of linear rise at the start")
    final_fraction: Fraction = Field(default=0.0, description="cosine: last learning rate as a share of the highest")
    milestones: list[Positive] = Field(
        default=[], description="multistep: steps at which the rate is multiplied by gamma"
    )
    gamma: float = Field(default=0.5, gt=0, le=1)
    mode: Literal["exact", "fast"] = Field(
        default="exact", description="exact: deterministic float32; fast: compiled, bfloat16, channels-last"
    )
    log_every: Positive = Field(default=50, description="steps between two lines of the record")
    validate_every: Positive = Field(default=100, description="steps between two points of the validation curve")
    checkpoint_every: Positive = Field(default=500, description="steps between two checkpoints")


class Suite(Strict):
    """The runs behind one table or one question: every network with every loss."""

    question: str
    tasks: list[Name] = Field(min_length=1)
    networks: list[Name] = Field(min_length=1)
    losses: list[Name] = Field(min_length=1)
    recipe: Name
    seeds: list[Annotated[int, Field(ge=0)]] | None = Field(default=None, description="instead of the study's seeds")


class Crop(Strict):
    """A rectangle of a test image that the comparison figures show."""

    task: Name
    dataset: Name
    image: str
    top: int = Field(ge=0)
    left: int = Field(ge=0)
    height: Positive = 96
    width: Positive = 96


class Params(Strict):
    """The whole of params.yaml: one study."""

    study: Name
    seeds: list[Annotated[int, Field(ge=0)]] = Field(min_length=1)
    tasks: dict[Name, Task]
    networks: dict[Name, dict[str, Any]] = Field(description="`network` names the class, the rest are its parameters")
    losses: dict[Name, dict[str, Any]] = Field(description="term: weight, or term: {parameter: value, weight: w}")
    recipes: dict[Name, Recipe]
    suites: dict[Name, Suite]
    crops: dict[Name, Crop] = {}

    @model_validator(mode="after")
    def _names_resolve(self) -> Self:
        for name, network in self.networks.items():
            if "network" not in network:
                raise UserError(f"networks.{name} has no key 'network', which names the network's class.")
        for name, suite in self.suites.items():
            for kind, singular in (("tasks", "task"), ("networks", "network"), ("losses", "loss")):
                for item in cast("list[str]", getattr(suite, kind)):
                    _known(f"suites.{name}.{kind}", singular, item, getattr(self, kind))
            _known(f"suites.{name}.recipe", "recipe", suite.recipe, self.recipes)
        for name, crop in self.crops.items():
            _known(f"crops.{name}.task", "task", crop.task, self.tasks)
        return self


def _known(where: str, kind: str, name: str, known: dict[str, Any]) -> None:
    if name not in known:
        raise UserError(f"{where}: {unknown(kind, name, known)}")


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
        raise UserError(f"{path}: {_sentence(error)}") from None


def load_yaml(path: str | Path) -> Any:
    """Read a YAML file with C speed; a missing or malformed one is a UserError."""
    try:
        # The C loader is some ten times faster, and thousand-run plans are read by every stage.
        return yaml.load(Path(path).read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except FileNotFoundError:
        raise UserError(f"{path} is missing: run this from the repository's folder.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None


def _sentence(error: ValidationError) -> str:
    """Tell the first problem in one sentence, in the words of the file."""
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"] if part != "[key]")
    if first["type"] == "extra_forbidden":
        *where, name = first["loc"]
        return f"{'.'.join(map(str, where)) or 'top level'}: {unknown('key', name, _fields_at(where))}"
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, UserError):
        return str(cause)
    if first["type"] == "missing":
        return f"{key} is missing."
    return f"{key} is {first['input']!r}: {first['msg'][0].lower()}{first['msg'][1:]}."


def _fields_at(where: list[Any]) -> list[str]:
    sections: dict[str, type[BaseModel]] = {"tasks": Task, "recipes": Recipe, "suites": Suite, "crops": Crop}
    return list((sections[where[0]] if where else Params).model_fields)


def resolve_run(params: Params, run: dict[str, Any]) -> dict[str, Any]:
    """Spell out everything a run is made from, as plain JSON-able values.

    Args:
        params: the study.
        run: one entry of runs.yaml: names of task, network, loss and recipe, and a seed.

    Returns:
        task, network, loss and recipe as mappings, and the seed.
    """
    return {
        "task": params.tasks[run["task"]].model_dump(mode="json"),
        "network": _finite(params.networks[run["network"]]),
        "loss": _finite(params.losses[run["loss"]]),
        "recipe": params.recipes[run["recipe"]].model_dump(mode="json"),
        "seed": run["seed"],
    }


def _finite(mapping: dict[str, Any]) -> dict[str, Any]:
    for key, value in mapping.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise UserError(f"params.yaml: '{key}' is {value}: give a finite number.")
    return dict(mapping)
