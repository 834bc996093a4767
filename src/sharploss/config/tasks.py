"""What a task can be, as params.yaml states it: one strict model per kind. sharploss.data.degrade does it."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from sharploss.config.limits import ENTRIES, LETTERS, SEED

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]*$", max_length=LETTERS)]
"""A name in params.yaml: it becomes part of run keys, file names and stage names."""

Sigma = Annotated[float, Field(gt=0, le=255)]
Colour = Literal["rgb", "grey"]


class Strict(BaseModel):
    """A mapping, read only, whose unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Base(Strict):
    """Which sets carry a task, and what keys its draws."""

    train: list[Name] = Field(min_length=1, max_length=ENTRIES, description="data sets the networks learn from")
    validation: list[Name] = Field(
        min_length=1, max_length=ENTRIES, description="data sets of the validation curve; never tested on"
    )
    test: list[Name] = Field(
        min_length=1,
        max_length=ENTRIES,
        description="data sets the tables report; those that cannot be had are left out",
    )
    tune: list[Name] = Field(
        default=[],
        max_length=ENTRIES,
        description="data sets that weights of losses are chosen by: scored like test sets, and shown nowhere",
    )
    seed: int = Field(default=0, ge=0, le=SEED, description="keys what is drawn for each image (noise, blur)")


class SuperResolution(Base):
    """Enlarging an image that was shrunk."""

    kind: Literal["sr"] = Field(description="shrunk")
    scale: Literal[2, 3, 4] = Field(description="how many times smaller the input is, per side")
    kernel: Literal["bicubic", "bilinear", "pillow_bicubic"] = Field(
        default="bicubic", description="bicubic: MATLAB's; bilinear: Pillow's, as in the GV paper's code"
    )
    mod_crop: bool = Field(
        default=True,
        description="crop to a multiple of the scale first; without, Pillow's kernels misalign input and target",
    )
    inputs: Literal["made", "published"] = Field(default="made", description="published: the set's own small images")


class SameSize(Base):
    """A task that keeps the size."""

    scale: Literal[1] = 1


class Deblur(SameSize):
    """Taking a blur away that differs from image to image."""

    kind: Literal["deblur"] = Field(description="blurred")
    blur: Literal["pairs", "gaussian", "motion"] = Field(description="pairs: as the set comes, e.g. GoPro")
    sigma_min: Sigma = Field(default=1.0, description="gaussian: smallest standard deviation in pixels")
    sigma_max: Sigma = Field(default=3.0, description="gaussian: largest")
    length: float = Field(default=15.0, ge=1, le=99, description="motion: the longest in pixels")


class Sharpen(SameSize):
    """Taking one fixed blur away (SharpGAN; its blur is not stated, so ours is an assumption)."""

    kind: Literal["sharpen"] = Field(description="blurred by a fixed Gaussian")
    sigma: Sigma = Field(default=2.0, description="its standard deviation in pixels")


class Denoise(SameSize):
    """Taking Gaussian noise away."""

    kind: Literal["denoise"] = Field(description="Gaussian noise added")
    sigma: Sigma = Field(description="standard deviation of the noise, of 255")
    colour: Colour = "rgb"


class Jpeg(SameSize):
    """Taking JPEG's artefacts away."""

    kind: Literal["jpeg"] = Field(description="compressed")
    quality: Annotated[int, Field(ge=1, le=100)] = Field(description="libjpeg's scale")
    colour: Colour = Field(default="grey", description="grey: of the luma alone, as the benchmarks are measured")


Task = Annotated[SuperResolution | Deblur | Sharpen | Denoise | Jpeg, Field(discriminator="kind")]


def border_of(scale: int) -> int:
    """Return how many pixels metrics leave out on each side of a task's images: the scale; none where size is kept."""
    return scale if scale > 1 else 0
