"""One run with all that it is made from, typed: what training, evaluation and planning are given."""

from typing import TypedDict

from sharploss.config.check_names import mdf_weights
from sharploss.config.extractors import OFFICIAL
from sharploss.config.loss_spec import LossSpec
from sharploss.config.params import Params
from sharploss.config.recipe import Recipe
from sharploss.config.sections import NetworkSpec
from sharploss.config.tasks import Strict, Task
from sharploss.utils.models import validated


class RunParts(TypedDict):
    """What sets one run of a study apart from the others, by its names in params.yaml."""

    task: str
    network: str
    loss: str
    recipe: str
    seed: int


class RunNames(RunParts):
    """What a run of runs.yaml is made from."""

    extractor: str  # the file of its MDF discriminators


class RunConfig(Strict):
    """A resolved run.

    `model_dump(mode="json")` returns the plain mapping that weight files and provenance hold, and `stored_config` reads
    it back; `sharploss.training.checkpoint.config_hash` hashes that mapping.
    """

    task: Task
    network: NetworkSpec
    loss: LossSpec
    recipe: Recipe
    seed: int

    @property
    def target_patch(self) -> int:
        """Side of the patches that losses compare, in pixels."""
        return self.recipe.patch * self.task.scale


def stored_config(stored: object) -> RunConfig:
    """Return the settings that a record or a file of weights holds, of this version or an earlier one.

    An empty setting that there is no more (a task's `preferred`) changes nothing; for what else a run cannot be trained
    with today it is a UserError.
    """
    match stored:
        case RunConfig():
            return stored
        case {"task": {"preferred": [], **task}, **others}:
            stored = {**others, "task": task}
        case _:
            pass
    return validated(stored, RunConfig, "the settings of the run are none of today's")


def resolve_run(params: Params, run: RunNames) -> RunConfig:
    """Spell out everything that a run, an entry of runs.yaml, is made from."""
    config = RunConfig(
        task=params.tasks[run["task"]],
        network=params.networks[run["network"]],
        loss=params.losses[run["loss"]],
        recipe=params.recipes[run["recipe"]],
        seed=run["seed"],
    )
    loss = _with_extractor_file(_with_patch_size(config.loss, config.target_patch), run)
    return config.model_copy(update={"loss": loss})


def _with_extractor_file(loss: LossSpec, run: RunNames) -> LossSpec:
    """Replace the name of an MDF loss's extractor with the path of its file, which the plan has put into the run."""
    if all(weights in OFFICIAL for weights in mdf_weights(loss)):
        return loss
    return loss.updated(mdf=loss.terms["mdf"].updated(weights=run["extractor"]))


def _with_patch_size(loss: LossSpec, size: int) -> LossSpec:
    """Return a loss whose discriminators are made for patches of `size` pixels, unless it states another size."""
    own = {name: loss.terms[name] for name in loss.adversarial}
    return loss.updated(**{name: term.updated(**{"size": size, **term.parameters}) for name, term in own.items()})
