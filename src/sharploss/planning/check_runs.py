"""Whether a recipe's patches and batch fit what the terms of a loss ask of them: told before anything trains."""

from collections.abc import Callable
from itertools import islice
from typing import Any, cast

from sharploss.config.limits import PATCH
from sharploss.config.params import ADVERSARIAL, Params, resolve_run
from sharploss.utils.errors import UserError

MENTIONED = 4
"""Patches that a message proposes: those nearest to the recipe's own."""


def named(where: str, build: Callable[[], object]) -> None:
    """Build what params.yaml describes at `where`, so that a value which cannot be is told with its place.

    Raises:
        UserError: `build` refused a value.
    """
    try:
        build()
    except ValueError as error:
        raise UserError(f"params.yaml: {where}: {error}") from None


def check_run(params: Params, run: dict[str, Any], *, world: int = 1) -> None:
    """Refuse a recipe whose patches or batch do not suit the loss of a run, without giving anything numbers.

    Args:
        params: the study.
        run: one entry of runs.yaml: names of task, network, loss and recipe, and a seed.
        world: processes that will share a batch; where the recipe leaves `accumulate` at 1, each computes one part.

    Raises:
        UserError: the patches are too small for a term, or of another size or other channels than its discriminator
            judges, or a discriminator would normalise over a single number; the message names the loss, term and
            recipe, and what to do.
    """
    from sharploss.losses import loss_spec, min_patch

    where = f"losses.{run['loss']}"
    named(where, lambda: loss_spec(params.losses[run["loss"]]))
    config = resolve_run(params, run)
    for term in config["loss"].keys() & set(ADVERSARIAL):
        _check_discriminator(f"{where}.{term}", config["loss"][term], config, run, world)
    named(where, lambda: loss_spec(config["loss"]))
    scale, least = config["task"]["scale"], min_patch(config["loss"])
    size = config["recipe"]["patch"] * scale
    if size < least:
        raise UserError(
            f"params.yaml: {where} needs patches of {least}x{least} pixels, and recipes.{run['recipe']} gives "
            f"{size}x{size} on {run['task']}: raise its patch to {-(-least // scale)}."
        )


def _check_discriminator(
    where: str, given: dict[str, Any], config: dict[str, Any], run: dict[str, Any], world: int
) -> None:
    recipe, patch, scale = f"recipes.{run['recipe']}", config["recipe"]["patch"], config["task"]["scale"]
    size = patch * scale
    if given["size"] != size:
        raise UserError(
            f"params.yaml: {where}.size is {given['size']}, and {recipe} gives patches of {size}x{size} pixels on "
            f"{run['task']}: leave size out, and it follows the recipe."
        )
    if given.get("channels", 3) != 3:
        raise UserError(
            f"params.yaml: {where}.channels is {given['channels']}, and the patches of {recipe} have 3 (RGB), as all "
            f"images of a study: leave channels out."
        )
    # The term was built before, with a size that its file gives or its own default: what can be wrong is this size.
    if not _judges(where, given, size):
        others = sorted(range(1, PATCH // scale + 1), key=lambda other: abs(other - patch))
        near = sorted(islice((other for other in others if _judges(where, given, other * scale)), MENTIONED))
        do = f"make it {_either(near)}" if near else "no patch does at this scale: name another discriminator"
        raise UserError(
            f"params.yaml: {recipe}.patch is {patch}, which the scale of {run['task']} makes {size}x{size} pixels, and "
            f"the discriminator of {where} cannot judge those: {do}."
        )
    _check_batch(where, given, config["recipe"], recipe, world)


def _check_batch(where: str, given: dict[str, Any], settings: dict[str, Any], recipe: str, world: int) -> None:
    """Refuse batch normalisation over a single number, which is nothing but that number."""
    import torch

    from sharploss.losses import AdversarialLoss, build_loss
    from sharploss.networks.discriminators import min_batch
    from sharploss.training.processes import parts_of_batch

    with torch.device("meta"):
        (term,) = build_loss({_term(where): given}).losses.values()
    least = min_batch(cast("AdversarialLoss", term).discriminator)
    parts = parts_of_batch(settings, world)
    images = settings["batch"] // parts
    if images < least:
        computed = f"a batch of {settings['batch']} in {parts} parts" if parts > 1 else f"a batch of {images}"
        lower = ", lower accumulate" if settings["accumulate"] > 1 else ""
        raise UserError(
            f"params.yaml: the discriminator of {where} normalises a single pixel of each {given['size']}x"
            f"{given['size']} patch over the images that it is given together, of which it needs {least}, and {recipe} "
            f"gives {images} ({computed}): make batch at least {least * parts}{lower}, or use a larger patch."
        )


def _judges(where: str, given: dict[str, Any], size: int) -> bool:
    from sharploss.losses import loss_spec

    try:
        loss_spec({_term(where): {**given, "size": size}})
    except UserError:
        return False
    return True


def _term(where: str) -> str:
    return where.rpartition(".")[2]


def _either(numbers: list[int]) -> str:
    """Write numbers as a choice: "8, 16 or 32"."""
    *most, last = map(str, numbers)
    return f"{', '.join(most)} or {last}" if most else last
