"""Images that can be made anywhere: those of the golden numbers."""

import torch


def waves(phase, height=21, width=34):
    """Images (2, 3, height, width) made of waves, in [0, 1]: the inputs of every golden number here."""
    sides = (2, 3, height, width)
    n, c, y, x = torch.meshgrid(*(torch.arange(side, dtype=torch.float64) for side in sides), indexing="ij")
    first = 0.3 * torch.sin(0.7 * x + 0.4 * y + c + 2 * n + phase)
    second = 0.2 * torch.cos(0.9 * y - 0.2 * x * c + phase)
    return (0.5 + first + second).float()
