"""What extractors are trained from in tests: a task of each kind, and an image."""

import torch

from sharploss.data import imresize

TASKS = {
    "sr": {"kind": "sr", "scale": 4},
    "jpeg": {"kind": "jpeg", "quality": 10, "colour": "rgb", "seed": 0},
    "denoise": {"kind": "denoise", "sigma": 25.0, "colour": "rgb", "seed": 0},
}


def picture(scale):
    """4x5 random pixels enlarged by `scale`: (3, 4 * scale, 5 * scale) uint8."""
    coarse = torch.randint(0, 256, (3, 4, 5), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    return imresize(coarse, scale)
