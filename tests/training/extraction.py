"""What extractors are trained from in tests: a task of each kind, and an image."""

import torch

from sharploss.config.tasks import Denoise, Jpeg, SuperResolution
from sharploss.data import imresize

SETS = {"train": ["a"], "validation": ["b"], "test": ["c"]}
TASKS = {
    "sr": SuperResolution(kind="sr", scale=4, **SETS),
    "jpeg": Jpeg(kind="jpeg", quality=10, colour="rgb", **SETS),
    "denoise": Denoise(kind="denoise", sigma=25, **SETS),
}


def picture(scale):
    """4x5 random pixels enlarged by `scale`: (3, 4 * scale, 5 * scale) uint8."""
    coarse = torch.randint(0, 256, (3, 4, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    return imresize(coarse, scale)
