"""How a network is trained, as params.yaml states it: optimiser, schedule, patch, batch, steps."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from sharploss.config.limits import ENTRIES, PATCH, PIXELS, STEPS
from sharploss.config.tasks import Name, Strict
from sharploss.utils.errors import UserError

Positive = Annotated[int, Field(gt=0, le=STEPS)]
Pixels = Annotated[int, Field(gt=0, le=PATCH)]
Fraction = Annotated[float, Field(ge=0, lt=1)]


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

    @model_validator(mode="after")
    def _batch_fits(self) -> Self:
        if self.batch * self.patch**2 > PIXELS:
            size = f"{self.batch} patches of {self.patch}x{self.patch} pixels"
            raise UserError(f"{size} are more than {PIXELS} pixels a step: lower batch or patch.")
        if self.batch % self.accumulate:
            raise UserError(f"accumulate is {self.accumulate}, which does not divide batch, {self.batch}.")
        return self
