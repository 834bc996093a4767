"""Whether the terms, networks and recipes of a study fit one another, as their classes know, before anything trains."""

from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import Any, cast

from sharploss.config.loss_spec import LossSpec, Term
from sharploss.config.params import Params
from sharploss.config.run_config import RunConfig, RunNames, resolve_run
from sharploss.utils.errors import UserError, shown


@contextmanager
def error_context(where: str) -> Generator[None]:
    """Turn a ValueError of the block into a UserError that names its place in params.yaml, such as "losses.l1_gv"."""
    try:
        yield
    except ValueError as error:
        raise UserError(f"params.yaml: {where}: {error}") from None


def check_study(params: Params, runs: Iterable[RunNames]) -> None:
    """Build every loss and network once, without values, and check every recipe against the losses of its `runs`."""
    from sharploss.losses import resolve_loss

    with _without_values():
        for name, loss in params.losses.items():
            with error_context(f"losses.{name}"):
                resolve_loss(loss)
        for name in params.networks:
            _check_network(params, name)
    cases = {(run["loss"], run["recipe"], params.tasks[run["task"]].scale): run for run in runs}
    for run in cases.values():
        check_run(params, run)


@contextmanager
def _without_values() -> Generator[None]:
    """Make modules without memory for their parameters, and draw no values: for that torch loads its compiler (3 s)."""
    import torch
    from torch.overrides import TorchFunctionMode

    class NoValues(TorchFunctionMode):
        def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            named = kwargs or {}
            tensor = args[0] if args else named.get("tensor")
            draws = getattr(func, "__name__", "").endswith("normal_")  # normal_, kaiming_normal_
            return tensor if draws and getattr(tensor, "is_meta", False) else func(*args, **named)

    with torch.device("meta"), NoValues():
        yield


def _check_network(params: Params, name: str) -> None:
    from sharploss.networks import build_network

    network = params.networks[name]
    if network.parameters.get("channels", 3) != 3:
        channels = f"networks.{name}.channels is {shown(network.parameters['channels'])}"
        raise UserError(f"params.yaml: {channels}: a study's images have 3 channels (RGB): leave it out.")
    # The scales that the suites ask for alone: ESPCN, for one, cannot keep the size.
    tasks = {task for suite in params.suites.values() if name in suite.networks for task in suite.tasks}
    for scale in sorted({params.tasks[task].scale for task in tasks}):
        with error_context(f"networks.{name}"):
            build_network(network.network, scale=scale, **network.parameters)


def check_run(params: Params, run: RunNames, *, world: int = 1) -> None:
    """Refuse a recipe whose patches or batch do not suit the loss of a run, without computing anything.

    `world` processes will share a batch; where the recipe leaves `accumulate` at 1, each computes one part.
    """
    from sharploss.losses import min_patch, resolve_loss

    where = f"losses.{run['loss']}"
    with error_context(where):
        resolve_loss(params.losses[run["loss"]])
    config = resolve_run(params, run)
    for name in config.loss.adversarial:
        _check_discriminator(f"{where}.{name}", name, config, run, world)
    with error_context(where):
        minimum = min_patch(config.loss)
    size = config.target_patch
    if size < minimum:
        raise UserError(
            f"params.yaml: {where} needs patches of {minimum}x{minimum} pixels, and recipes.{run['recipe']} gives "
            f"{size}x{size} on {run['task']}: raise its patch to {-(-minimum // config.task.scale)}."
        )


def _check_discriminator(where: str, name: str, config: RunConfig, run: RunNames, world: int) -> None:
    from sharploss.losses import resolve_loss

    recipe, patch, size = f"recipes.{run['recipe']}", config.recipe.patch, config.target_patch
    term = config.loss.terms[name]
    for parameter, given in {"size": size, "channels": 3}.items():
        if (stated := term.parameters.get(parameter, given)) != given:
            patches = f"the patches of {recipe} on {run['task']} have {given}"
            raise UserError(f"params.yaml: {where}.{parameter} is {stated}, and {patches}: leave it out.")
    # The term was built before, with the size that its file gives or its own default: only this size can be wrong.
    try:
        resolve_loss(_alone(name, term.updated(size=size)))
    except UserError as error:
        raise UserError(
            f"params.yaml: {recipe}.patch is {patch}, which the scale of {run['task']} makes {size}x{size} pixels, and "
            f"the discriminator of {where} takes none of that size ({str(error).rstrip('.')}): change the patch, or "
            "name another discriminator."
        ) from None
    _check_batch(where, name, config, recipe, world)


def _check_batch(where: str, name: str, config: RunConfig, recipe: str, world: int) -> None:
    """Refuse batch normalisation over a single number, which is nothing but that number."""
    from sharploss.losses import AdversarialLoss, build_loss
    from sharploss.networks.discriminators import min_batch
    from sharploss.training.processes import micro_batches

    with _without_values():
        (term,) = build_loss(_alone(name, config.loss.terms[name])).losses.values()
    minimum = min_batch(cast("AdversarialLoss", term).discriminator)
    batch, parts, size = config.recipe.batch, micro_batches(config.recipe, world), config.target_patch
    images = batch // parts
    if images < minimum:
        lower = ", lower accumulate" if config.recipe.accumulate > 1 else ""
        raise UserError(
            f"params.yaml: the discriminator of {where} normalises a single pixel of each {size}x{size} patch over "
            f"{minimum} images at least, and {recipe} gives {images} together (batch {batch} in {parts} parts): make "
            f"batch at least {minimum * parts}{lower}, or use a larger patch."
        )


def _alone(name: str, term: Term) -> LossSpec:
    return LossSpec({name: term.updated(weight=1)})
