"""What a task can be, as params.yaml states it: for each kind a strict model of its degradation, and one with sets.

`sharploss.data.degrade` does the first.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from sharploss.config.limits import ENTRIES, LETTERS, SEED
from sharploss.utils.models import validated

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_]*$", max_length=LETTERS)]
"""A name in params.yaml: it becomes part of run keys, file names and stage names."""

Sigma = Annotated[float, Field(gt=0, le=255)]
Colour = Literal["rgb", "grey"]


class Strict(BaseModel):
    """A mapping, read only, whose unknown keys are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Sets(Strict):
    """Which data sets carry a task."""

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


class Seeded(Strict):
    """A degradation, with what keys its draws."""

    seed: int = Field(default=0, ge=0, le=SEED, description="keys what is drawn for each image (noise, blur)")


class Shrink(Seeded):
    """Make an image smaller."""

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


class SameSize(Seeded):
    """A degradation that keeps the size."""

    scale: Literal[1] = 1


class Blur(SameSize):
    """Blur an image, each by another kernel."""

    kind: Literal["deblur"] = Field(description="blurred")
    blur: Literal["pairs", "gaussian", "motion"] = Field(description="pairs: as the set comes, e.g. GoPro")
    sigma_min: Sigma = Field(default=1.0, description="gaussian: smallest standard deviation in pixels")
    sigma_max: Sigma = Field(default=3.0, description="gaussian: largest")
    length: float = Field(default=15.0, ge=1, le=99, description="motion: the longest in pixels")


class FixedBlur(SameSize):
    """Blur all images by one kernel (SharpGAN; its blur is not stated, so ours is an assumption)."""

    kind: Literal["sharpen"] = Field(description="blurred by a fixed Gaussian")
    sigma: Sigma = Field(default=2.0, description="its standard deviation in pixels")


class Noise(SameSize):
    """Add Gaussian noise."""

    kind: Literal["denoise"] = Field(description="Gaussian noise added")
    sigma: Sigma = Field(description="standard deviation of the noise, of 255")
    colour: Colour = "rgb"


class Compression(SameSize):
    """Compress by JPEG."""

    kind: Literal["jpeg"] = Field(description="compressed")
    quality: Annotated[int, Field(ge=1, le=100)] = Field(description="libjpeg's scale")
    colour: Colour = Field(default="grey", description="grey: of the luma alone, as the benchmarks are measured")


Degradation = Annotated[Shrink | Blur | FixedBlur | Noise | Compression, Field(discriminator="kind")]


class SuperResolution(Shrink, Sets):
    """Enlarging an image that was shrunk."""


class Deblur(Blur, Sets):
    """Taking a blur away that differs from image to image."""


class Sharpen(FixedBlur, Sets):
    """Taking one fixed blur away (SharpGAN; its blur is not stated, so ours is an assumption)."""


class Denoise(Noise, Sets):
    """Taking Gaussian noise away."""


class Jpeg(Compression, Sets):
    """Taking JPEG's artefacts away."""


Task = Annotated[SuperResolution | Deblur | Sharpen | Denoise | Jpeg, Field(discriminator="kind")]


def parse_degradation(spec: Mapping[str, Any] | Degradation) -> Degradation:
    """Return the degradation that a plain mapping states, be it a whole task's; UserError where it states none."""
    if not isinstance(spec, Mapping):
        return spec
    stated = {name: value for name, value in spec.items() if name not in Sets.model_fields}
    return validated(stated, RootModel[Degradation], "the task").root


def border_of(scale: int) -> int:
    """Return how many pixels metrics leave out on each side of a task's images: the scale; none where size is kept."""
    return scale if scale > 1 else 0
