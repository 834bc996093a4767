"""The SSIM loss: 1 - SSIM."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from sharploss.losses.images import check_size, matched
from sharploss.metrics.ssim import WINDOW, ssim_map


def ssim_loss(output: Tensor, target: Tensor) -> Tensor:
    """1 - SSIM, the mean over batch, channels and every place where the whole window fits.

    Window 11x11 Gaussian of sigma 1.5, K1 = 0.01, K2 = 0.03, each channel for itself (Wang et al. 2004). The GV paper's
    code returns +SSIM, so 1 - SSIM is presumably what it trained with.

    Args:
        output: restored images, (N, C, H, W) in [0, 1].
        target: ground truth, the same shape.

    Returns:
        A scalar in [0, 2]; 0 for equal images.

    Raises:
        ValueError: shapes differ, or the images are smaller than the window.
    """
    check_size(output, WINDOW, "the SSIM window")
    output, target = matched(output, target)
    # Variances are small differences of large numbers: bfloat16 convolutions would leave nothing of them.
    with full_precision(output.device.type):
        return 1 - ssim_map(output, target, window="valid").mean()


def full_precision(device: str) -> AbstractContextManager[Any]:
    """Turn autocast off where the device has it; the meta device, on which costs are counted, has none."""
    return torch.autocast(device, enabled=False) if torch.amp.is_autocast_available(device) else nullcontext()


class SSIMLoss(nn.Module):
    """`ssim_loss` as a module; `smallest` is the side in pixels of its window."""

    smallest = WINDOW

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Give the loss of `output` (N, C, H, W) against `target`."""
        return ssim_loss(output, target)
