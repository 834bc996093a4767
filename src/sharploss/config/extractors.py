"""What an MDF loss reads its discriminators from, and how those of our own are trained; without torch."""

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from sharploss.config.limits import INTEGER, REPEATED, SEED, STEPS
from sharploss.config.recipe import Fraction
from sharploss.config.tasks import Name, Strict
from sharploss.utils.errors import shown

OFFICIAL = {"sisr": "mdf_sisr", "jpeg": "mdf_jpeg", "denoising": "mdf_sisr"}
"""The assets of the released weights. The authors' Ds_Denoising.pth is their Ds_SISR.pth, byte for byte, so "denoising"
is "sisr": no weights of a denoising task were ever released."""

SUFFIX = ".safetensors"  # of weights and packs
EXTRACTORS = "extractors"  # the folder of what their trainings leave, among a study's results and weights
NAME = re.compile(r"[a-z0-9][a-z0-9_]*")
INSIDE = re.compile(r"([A-Za-z0-9_][A-Za-z0-9._+-]*/)*[A-Za-z0-9_][A-Za-z0-9._+-]*\.safetensors")
"""A path below the repository's folder: no part begins with a dot, so none leads out, and none is more than a path."""

KINDS = ("sr", "denoise", "jpeg")  # of task that an extractor can be trained for

Channels = Annotated[int, Field(ge=1, le=INTEGER)]
Iterations = Annotated[int, Field(ge=1, le=STEPS)]
Pixels = Annotated[int, Field(ge=11, le=INTEGER)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Extractor(Strict):
    """How the discriminators of one MDF loss are trained, from one image; the defaults are SinGAN's."""

    task: Name = Field(description="a task of kind sr, denoise or jpeg: its degradation is the distortion")
    image: str = Field(
        pattern=r"^[^/]+/[^/]+$", description="<data set>/<image>, the one image that all is learnt from"
    )
    seed: int = Field(default=0, ge=0, le=SEED)
    factor: float = Field(default=0.75, gt=0, le=0.95, description="size of one scale to the next finer one, at least")
    min_size: Pixels = Field(default=25, description="shorter side of the coarsest scale, in pixels")
    max_size: Pixels = Field(default=250, description="longest side of the finest scale; larger images are shrunk")
    scales: int | None = Field(
        default=None, ge=2, le=REPEATED["scales"], description="by default as many as SinGAN trains"
    )
    width: Channels = Field(default=32, description="channels of the four coarsest scales; doubled every four scales")
    max_width: Channels = Field(default=128, description="channels at most")
    iterations: Iterations = Field(default=2000, description="for each scale")
    steps: int = Field(default=3, ge=1, le=REPEATED["steps"], description="of either optimiser in one iteration")
    learning_rate: float = Field(default=5e-4, gt=0, allow_inf_nan=False)
    betas: tuple[Fraction, Fraction] = (0.5, 0.999)
    milestone: Iterations = Field(default=1600, description="from where on the learning rate is times gamma")
    gamma: float = Field(default=0.1, gt=0, le=1)
    penalty: Weight = Field(default=0.1, description="of the gradient (lambda of WGAN-GP)")
    reconstruction: Weight = Field(default=10.0, description="of the squared error (alpha of SinGAN)")
    log_every: Iterations = Field(default=50, description="between two lines of the record")


def weights_source(weights: Any) -> Path | None:
    """Return the file of self-trained weights that an MDF loss's `weights` stands for, None for the authors'.

    They are a key of OFFICIAL, a path that ends in .safetensors, or the name of an extractor in params.yaml, which a
    study's runs replace with the path of its file (`sharploss.config.run_config.resolve_run`); else it is a ValueError.
    """
    if isinstance(weights, str) and weights in OFFICIAL:
        return None
    if isinstance(weights, str) and weights.endswith(SUFFIX):
        return Path(weights)
    if isinstance(weights, str) and NAME.fullmatch(weights):
        return Path(f"{weights}{SUFFIX}")
    known = ", ".join(OFFICIAL)
    raise ValueError(
        f"weights must be one of {known}, an extractor's name or a path that ends in {SUFFIX}, not {shown(weights)}"
    )
