"""Whether every name in a study is the name of something."""

import re
from collections.abc import Mapping
from os.path import normpath
from pathlib import Path
from typing import Any, cast

from sharploss.assets.catalogue import ASSETS
from sharploss.assets.leakage import ALSO_KNOWN_AS
from sharploss.config.extractors import EXTRACTORS, INSIDE, KINDS, OFFICIAL, SUFFIX
from sharploss.config.limits import STARTS
from sharploss.config.loss_spec import LossSpec
from sharploss.config.sections import Sections
from sharploss.utils.errors import UserError, cut, unknown


def check_names(params: Sections) -> None:
    """Refuse names of nothing, and names that stand for two things."""
    for name, suite in params.suites.items():
        for kind, singular in (("tasks", "task"), ("networks", "network"), ("losses", "loss")):
            for item in cast("list[str]", getattr(suite, kind)):
                _check_known(f"suites.{name}.{kind}", singular, item, getattr(params, kind))
        _check_known(f"suites.{name}.recipe", "recipe", suite.recipe, params.recipes)
    for name in params.extractors:
        _check_extractor(params, name)
    for name in params.losses:
        _check_loss(params, name)
    for name in params.recipes:
        _check_start(params, name)
    for name, crop in [*params.crops.items(), *params.explorer.items()]:
        section = "crops" if name in params.crops else "explorer"
        _check_known(f"{section}.{name}.task", "task", crop.task, params.tasks)
    _check_sets(params)


def mdf_weights(loss: LossSpec) -> list[Any]:
    """Return what a loss's MDF term states as `weights`, in a list; an empty one where it states none."""
    parameters = loss.terms["mdf"].parameters if "mdf" in loss.terms else {}
    return [parameters["weights"]] if "weights" in parameters else []


def _check_loss(params: Sections, name: str) -> None:
    loss = params.losses[name]
    if len(loss.adversarial) > 1:
        raise UserError(
            f"losses.{name} has several adversarial terms ({', '.join(loss.adversarial)}), and a training has one "
            "discriminator: leave one of them."
        )
    for weights in mdf_weights(loss):
        _check_weights(f"losses.{name}.mdf.weights", weights, list(params.extractors))


def _check_extractor(params: Sections, name: str) -> None:
    if name in OFFICIAL:
        raise UserError(f"extractors.{name}: the authors' discriminators have this name: choose another.")
    task = params.extractors[name].task
    _check_known(f"extractors.{name}.task", "task", task, params.tasks)
    kind = params.tasks[task].kind
    if kind not in KINDS:
        raise UserError(f"extractors.{name}.task: {task} is of kind {kind}: name one of {', '.join(KINDS)}.")


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
    elif Path(weights).parent.name == EXTRACTORS:
        raise UserError(
            f"{where}: '{cut(weights)}' is a file that a study's extractor writes: give the extractor's name instead."
        )


def _check_start(params: Sections, name: str) -> None:
    """Refuse a start that does not exist, or that comes back to where it began."""
    begun, recipe = [name], params.recipes[name]
    while recipe.start is not None:
        where = f"recipes.{begun[-1]}.start"
        _check_known(f"{where}.loss", "loss", recipe.start.loss, params.losses)
        _check_known(f"{where}.recipe", "recipe", recipe.start.recipe, params.recipes)
        if recipe.start.task is not None:
            _check_known(f"{where}.task", "task", recipe.start.task, params.tasks)
        if recipe.start.recipe in begun:
            circle = " -> ".join([*begun, recipe.start.recipe])
            raise UserError(f"{where}.recipe goes in a circle ({circle}): start from a recipe that has no start.")
        if len(begun) > STARTS:
            raise UserError(f"recipes.{name}.start: more than {STARTS} runs would start from one another in a row.")
        begun.append(recipe.start.recipe)
        recipe = params.recipes[recipe.start.recipe]


def _check_sets(params: Sections) -> None:
    for name, dataset in params.datasets.items():
        if name in ASSETS:
            raise UserError(f"datasets.{name}: the catalogue has a set of this name: choose another.")
        for place in filter(None, (dataset.images, dataset.inputs)):
            if re.fullmatch(rf"(results|reports|\.scratch|\.venv|data/{params.study})(/.*)?", normpath(place)):
                where = f"datasets.{name}: {cut(place)} lies where studies write, and delete what they wrote"
                raise UserError(f"{where}: move it to datasets/{name}.")
    sets = dict.fromkeys([*params.datasets, *(key for key, asset in ASSETS.items() if asset.kind == "dataset")])
    for name, task in params.tasks.items():
        for role in ("train", "validation", "test", "tune"):
            for item in cast("list[str]", getattr(task, role)):
                _check_known(f"tasks.{name}.{role}", "data set", item, sets)


def _check_known(where: str, kind: str, name: str, known: Mapping[str, Any]) -> None:
    if kind == "data set" and name not in known and name in ALSO_KNOWN_AS:
        raise UserError(f"{where}: the data set '{name}' goes by the name '{ALSO_KNOWN_AS[name]}' here: write that.")
    if name not in known:
        raise UserError(f"{where}: {unknown(kind, name, known)}")
