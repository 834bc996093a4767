"""The rule by which official networks and ours get the same weights and the same image: formulas, no files."""

import math
import zlib

import torch


def weights(name, shape, gain=1.0):
    """Sines of the index with a phase from the tensor's official name; matrices divided by the root of their fan-in."""
    if name.endswith("num_batches_tracked"):
        return torch.zeros(shape, dtype=torch.int64)
    wave = torch.sin(torch.arange(math.prod(shape), dtype=torch.float64) * 0.7 + zlib.crc32(name.encode()) % 1000)
    wave = wave.reshape(shape)
    if name.endswith("running_var"):
        return 1 + 0.5 * wave
    if len(shape) > 1:
        return gain * wave / math.sqrt(math.prod(shape[1:]))
    return 0.1 * wave + (0.25 if tuple(shape) == (1,) else 0)


def picture(height, width):
    """Sines between 0 and 1, (1, 3, height, width) float64."""
    wave = torch.sin(torch.arange(3 * height * width, dtype=torch.float64) * 0.37)
    return (0.5 + 0.5 * wave).reshape(1, 3, height, width)
