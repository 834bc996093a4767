"""params.yaml, read strictly: every key is known, every name resolves, or one sentence says what is wrong."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast

from pydantic import BaseModel, Field, ValidationError, model_validator

from sharploss.assets.catalogue import ASSETS
from sharploss.assets.leakage import ALSO_KNOWN_AS, leak
from sharploss.config.extractors import INSIDE, OFFICIAL, SUFFIX, Extractor
from sharploss.config.extractors import KINDS as DISTORTIONS
from sharploss.config.limits import ENTRIES, PATCH, PIXELS, RUNS, SEED, STARTS, STEPS, excess, shown
from sharploss.config.tasks import KINDS, Base, Name, Strict, Task
from sharploss.utils.errors import UserError, cut, unknown
from sharploss.utils.yaml_files import load_yaml

Positive = Annotated[int, Field(gt=0, le=STEPS)]
Pixels = Annotated[int, Field(gt=0, le=PATCH)]
Fraction = Annotated[float, Field(ge=0, lt=1)]
Seeds = list[Annotated[int, Field(ge=0, le=SEED)]]
Names = Annotated[list[Name], Field(min_length=1, max_length=ENTRIES)]

ADVERSARIAL = ("gan", "lsgan", "ragan", "sharpgan")
"""Loss terms that have a discriminator."""

RESERVED = ("published",)
"""Folders beside those of the studies, which no study may be named after."""


class Optimisation(Strict):
    """Optimiser and learning-rate schedule."""

    optimizer: Literal["adam", "sgd"] = "adam"
    learning_rate: float = Field(gt=0, allow_inf_nan=False, description="the highest learning rate")
    betas: tuple[Fraction, Fraction] = Field(default=(0.9, 0.999), description="Adam's two averages")
    momentum: Fraction = Field(default=0.9, description="of SGD")
    weight_decay: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    clip_norm: float | None = Field(
        default=None, gt=0, allow_inf_nan=False, description="largest L2 norm of the whole gradient"
    )
    schedule: Literal["constant", "cosine", "multistep"] = "constant"
    warmup: int = Field(default=0, ge=0, le=STEPS, description="steps of linear rise at the start")
    final_fraction: Fraction = Field(default=0.0, description="cosine: last learning rate as a share of the highest")
    cycles: Positive = Field(default=1, description="cosine: how often it falls, each time from the highest rate")
    milestones: list[Positive] = Field(
        default=[], max_length=ENTRIES, description="multistep: steps at which the rate is multiplied by gamma"
    )
    gamma: float = Field(default=0.5, gt=0, le=1)


class Start(Strict):
    """The run whose weights a training starts from: the same network and seed, with another loss, recipe or task."""

    loss: Name
    recipe: Name
    task: Name | None = Field(default=None, description="the same task when left out; sr_x2 to start x4 from x2")


class Recipe(Optimisation):
    """How a network is trained: optimiser, schedule, patch, batch, steps."""

    steps: Positive = Field(description="optimiser steps")
    batch: Positive = Field(description="patches per step")
    patch: Pixels = Field(description="side of an input patch, in pixels")
    accumulate: Positive = Field(
        default=1, description="equal parts that a batch is computed in, one after the other or on several GPUs"
    )
    start: Start | None = Field(default=None, description="trained weights to start from; random ones when left out")
    discriminator: Optimisation | None = Field(
        default=None, description="of the discriminator of an adversarial loss; as the network's when left out"
    )
    average: Fraction = Field(
        default=0.0, description="decay of the running mean of the weights, which is then what is kept; 0: no mean"
    )
    mode: Literal["exact", "fast"] = Field(
        default="exact", description="exact: deterministic float32; fast: compiled, bfloat16, channels-last"
    )
    log_every: Positive = Field(default=50, description="steps between two lines of the record")
    validate_every: Positive = Field(default=100, description="steps between two points of the validation curve")
    checkpoint_every: Positive = Field(default=500, description="steps between two checkpoints")


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


class Dataset(Strict):
    """A data set of one's own."""

    images: str = Field(description="a folder or zip file of images, relative to the repository's folder")
    inputs: str | None = Field(default=None, description="a folder or zip file of degraded images of the same names")
    licence: str = ""


class Params(Strict):
    """The whole of params.yaml: one study."""

    study: Name
    seeds: Seeds = Field(min_length=1, max_length=ENTRIES)
    datasets: dict[Name, Dataset] = Field(
        default={}, max_length=ENTRIES, description="data sets of one's own, for tasks to name"
    )
    tasks: dict[Name, Task] = Field(max_length=ENTRIES)
    networks: dict[Name, dict[str, Any]] = Field(
        max_length=ENTRIES, description="`network` names the class, the rest are its parameters"
    )
    losses: dict[Name, dict[str, Any]] = Field(
        max_length=ENTRIES, description="term: weight, or term: {parameter: value, weight: w}"
    )
    extractors: dict[Name, Extractor] = Field(
        max_length=ENTRIES, description="discriminators of MDF losses, trained here; {} for none"
    )
    recipes: dict[Name, Recipe] = Field(max_length=ENTRIES)
    suites: dict[Name, Suite] = Field(max_length=ENTRIES)
    crops: dict[Name, Crop] = Field(default={}, max_length=ENTRIES, description="what the comparison figures show")

    @model_validator(mode="after")
    def _has_a_name_of_its_own(self) -> Self:
        if self.study in RESERVED:
            raise UserError(f"study: the folder '{self.study}' holds other results: choose another name.")
        return self

    @model_validator(mode="after")
    def _sizes_are_sane(self) -> Self:
        for name, network in self.networks.items():
            _within(f"networks.{name}", excess(network))
            if network.get("channels", 3) != 3:
                channels = shown(network["channels"])
                raise UserError(
                    f"networks.{name}.channels is {channels}: a study's images have 3 channels (RGB): leave it out."
                )
        for name, loss in self.losses.items():
            for term, value in loss.items():
                given = cast("dict[str, Any]", value) if isinstance(value, dict) else {"weight": value}
                _within(f"losses.{name}.{term}", excess(given))
            games = [term for term in loss if term in ADVERSARIAL]
            if len(games) > 1:
                several = ", ".join(games)
                raise UserError(
                    f"losses.{name} has several adversarial terms ({several}), and a training has one discriminator: "
                    "leave one of them."
                )
        for name, recipe in self.recipes.items():
            if recipe.batch * recipe.patch**2 > PIXELS:
                size = f"{recipe.batch} patches of {recipe.patch}x{recipe.patch} pixels"
                raise UserError(f"recipes.{name}: {size} are more than {PIXELS} pixels a step: lower batch or patch.")
        return self

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
        self._count_runs()
        return self

    def _count_runs(self) -> None:
        """Refuse to multiply out what would never end."""
        total = 0
        for name, suite in self.suites.items():
            seeds = len(suite.seeds or self.seeds)
            total += len(suite.tasks) * len(suite.networks) * len(suite.losses) * seeds
            if total > RUNS:
                raise UserError(
                    f"suites.{name} brings the study to {total} runs, and at most {RUNS} go: make studies of its parts."
                )

    @model_validator(mode="after")
    def _parts_fit(self) -> Self:
        for name in self.extractors:
            self._check_extractor(name)
        for name, loss in self.losses.items():
            for weights in weights_named(loss):
                _check_weights(f"losses.{name}.mdf.weights", weights, list(self.extractors))
        for name, recipe in self.recipes.items():
            if recipe.batch % recipe.accumulate:
                raise UserError(
                    f"recipes.{name}.accumulate: {recipe.accumulate} does not divide batch: {recipe.batch}."
                )
            self._check_start(name)
        for name, crop in self.crops.items():
            _known(f"crops.{name}.task", "task", crop.task, self.tasks)
        return self

    def _check_extractor(self, name: str) -> None:
        if name in OFFICIAL:
            raise UserError(f"extractors.{name}: the authors' discriminators have this name: choose another.")
        task = self.extractors[name].task
        _known(f"extractors.{name}.task", "task", task, self.tasks)
        kind = self.tasks[task].kind
        if kind not in DISTORTIONS:
            raise UserError(f"extractors.{name}.task: {task} is of kind {kind}: name one of {', '.join(DISTORTIONS)}.")

    def _check_start(self, name: str) -> None:
        """Refuse a start that does not exist, or that comes back to where it began."""
        begun, recipe = [name], self.recipes[name]
        while recipe.start is not None:
            where = f"recipes.{begun[-1]}.start"
            _known(f"{where}.loss", "loss", recipe.start.loss, self.losses)
            _known(f"{where}.recipe", "recipe", recipe.start.recipe, self.recipes)
            if recipe.start.task is not None:
                _known(f"{where}.task", "task", recipe.start.task, self.tasks)
            if recipe.start.recipe in begun:
                circle = " -> ".join([*begun, recipe.start.recipe])
                raise UserError(f"{where}.recipe goes in a circle ({circle}): start from a recipe that has no start.")
            if len(begun) > STARTS:
                raise UserError(f"recipes.{name}.start: more than {STARTS} runs would start from one another in a row.")
            begun.append(recipe.start.recipe)
            recipe = self.recipes[recipe.start.recipe]

    @model_validator(mode="after")
    def _sets_fit(self) -> Self:
        for name in self.datasets:
            if name in ASSETS:
                raise UserError(f"datasets.{name}: the catalogue has a set of this name: choose another.")
        for name, task in self.tasks.items():
            self._check_sets(name, task)
        for name, extractor in self.extractors.items():
            reason = leak([extractor.image.split("/", 1)[0]], self.tasks[extractor.task].test)
            if reason:
                raise UserError(f"extractors.{name}.image: {reason}: name an image of another set.")
        for name, suite in self.suites.items():
            self._check_suite(name, suite)
        return self

    def _check_suite(self, name: str, suite: Suite) -> None:
        """Refuse weights that have learnt from what is tested on: those started from, and extractors'."""
        for task in suite.tasks:
            losses = list(suite.losses)
            for start in self._starts(suite.recipe):
                losses.append(start.loss)
                earlier = self.tasks[start.task or task]
                reason = leak([*earlier.train, *earlier.preferred, *earlier.validation], self.tasks[task].test)
                if reason:
                    raise UserError(
                        f"suites.{name}: {task} starts from {start.task}, and {reason}: start from another task."
                    )
            used = [weights for loss in losses for weights in weights_named(self.losses[loss])]
            for extractor in (extractor for extractor in self.extractors if extractor in used):
                reason = leak([self.extractors[extractor].image.split("/", 1)[0]], self.tasks[task].test)
                if reason:
                    raise UserError(
                        f"suites.{name}: {task} uses extractors.{extractor}, and {reason}: take another image."
                    )

    def _starts(self, recipe: str) -> Iterator[Start]:
        """Give what a run with this recipe starts from, and what that starts from; `_check_start` has seen it end."""
        start = self.recipes[recipe].start
        while start is not None:
            yield start
            start = self.recipes[start.recipe].start

    def _check_sets(self, name: str, task: Base) -> None:
        """Refuse sets that nobody knows, and training on what is tested on."""
        sets = [key for key, asset in ASSETS.items() if asset.kind == "dataset"]
        for role in ("train", "preferred", "validation", "test"):
            for item in cast("list[str]", getattr(task, role)):
                _known(f"tasks.{name}.{role}", "data set", item, dict.fromkeys([*self.datasets, *sets]))
        reason = leak([*task.train, *task.preferred, *task.validation], task.test)
        if reason:
            raise UserError(f"tasks.{name}: {reason}: leave one of the two out.")


def weights_named(loss: dict[str, Any]) -> list[Any]:
    """Give what a loss's MDF term names as `weights`, if it names any."""
    term = loss.get("mdf")
    return [cast("dict[str, Any]", term)["weights"]] if isinstance(term, dict) and "weights" in term else []


def _check_weights(where: str, weights: Any, extractors: list[str]) -> None:
    """Refuse a name of discriminators that nobody knows, and a file that neither DVC nor a colleague would find."""
    if not isinstance(weights, str) or not weights.endswith(SUFFIX):
        if weights not in [*OFFICIAL, *extractors]:
            raise UserError(f"{where}: {unknown('set of discriminators', weights, [*OFFICIAL, *extractors])}")
    elif not INSIDE.fullmatch(weights):
        raise UserError(
            f"{where}: '{cut(weights)}' is not a path inside the repository, of letters, digits and ._+- with no part "
            "that begins with a dot: copy the file into the repository and give its path from there."
        )
    elif Path(weights).parent.name == "extractors":
        raise UserError(
            f"{where}: '{cut(weights)}' is a file that a study's extractor writes: give the extractor's name instead."
        )


def _within(where: str, wrong: str) -> None:
    if wrong:
        raise UserError(f"{where}.{wrong}: give a smaller value.")


def _known(where: str, kind: str, name: str, known: dict[str, Any]) -> None:
    if kind == "data set" and name not in known and name in ALSO_KNOWN_AS:
        raise UserError(f"{where}: the data set '{name}' goes by the name '{ALSO_KNOWN_AS[name]}' here: write that.")
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


def _sentence(error: ValidationError) -> str:
    """Tell the first problem in one sentence, in the words of the file."""
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
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, UserError):
        return str(cause)
    if first["type"] == "missing":
        return f"{key} is missing."
    return f"{key} is {shown(first['input'])}: {first['msg'][0].lower()}{first['msg'][1:]}."


def _fields_at(where: list[Any], kind: Any) -> list[str]:
    sections: dict[str, type[BaseModel]] = {
        "recipes": Recipe,
        "suites": Suite,
        "crops": Crop,
        "datasets": Dataset,
        "extractors": Extractor,
    }
    parts: dict[str, type[BaseModel]] = {"start": Start, "discriminator": Optimisation}
    if kind is not None:
        return list(KINDS[kind].model_fields)
    if len(where) > 2 and where[2] in parts:
        return list(parts[where[2]].model_fields)
    return list((sections[where[0]] if where else Params).model_fields)


def resolve_run(params: Params, run: dict[str, Any]) -> dict[str, Any]:
    """Spell out everything a run is made from, as plain JSON-able values.

    Args:
        params: the study.
        run: one entry of runs.yaml: names of task, network, loss and recipe, and a seed.

    Returns:
        task, network, loss and recipe as mappings, and the seed.
    """
    task, recipe = params.tasks[run["task"]], params.recipes[run["recipe"]]
    return {
        "task": task.model_dump(mode="json"),
        "network": _finite(params.networks[run["network"]]),
        "loss": _located(_fitted(_finite(params.losses[run["loss"]]), recipe.patch * task.scale), run),
        "recipe": recipe.model_dump(mode="json"),
        "seed": run["seed"],
    }


def _located(loss: dict[str, Any], run: dict[str, Any]) -> dict[str, Any]:
    """Replace the name of an MDF loss's extractor with the path of its file, which the plan has put into the run."""
    if not any(weights not in OFFICIAL for weights in weights_named(loss)) or "extractor" not in run:
        return loss
    return {**loss, "mdf": {**loss["mdf"], "weights": run["extractor"]}}


def _fitted(loss: dict[str, Any], size: int) -> dict[str, Any]:
    """Tell the discriminators how large the patches are that they will judge."""
    fitted = dict(loss)
    for term in fitted.keys() & set(ADVERSARIAL):
        value = fitted[term]
        given = cast("dict[str, Any]", value) if isinstance(value, dict) else {"weight": value}
        fitted[term] = {"size": size, **given}
    return fitted


def _finite(mapping: dict[str, Any]) -> dict[str, Any]:
    for key, value in mapping.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise UserError(f"params.yaml: '{key}' is {value}: give a finite number.")
    return dict(mapping)
