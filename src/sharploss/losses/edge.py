"""The edge loss of MPRNet: Charbonnier's distance of what a blur takes away."""

import torch
from torch import Tensor

from sharploss.functional.image_loss import ImageLoss
from sharploss.utils.argument_checks import check_number

TAPS = (0.05, 0.25, 0.4, 0.25, 0.05)  # the blur along one axis, Burt and Adelson's of 1983


class EdgeLoss(ImageLoss):
    """The mean of sqrt(d^2 + eps^2), d the difference of the images' `pyramid_residual`; at least eps, not 0.

    Zamir et al., "Multi-stage progressive image restoration" (CVPR 2021), eq. 3 and 5, as its released code has it:
    weight 0.05 beside Charbonnier's loss, both summed over the network's three stages.

    Args:
        eps: where L1 turns smooth; at least 1e-15, below which the root has no gradient at 0 in float32.

    >>> image = torch.linspace(0, 1, 32).square().expand(1, 3, 32, 32)
    >>> round(EdgeLoss()(image * 0.9, image).item(), 4)
    0.004
    """

    def __init__(self, eps: float = 1e-3) -> None:
        super().__init__()
        check_number("eps", eps, minimum=1e-15)
        self.eps = eps

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Compute the loss of `output`, (N, C, H, W) in [0, 1], against `target`."""
        output, target = self.check(output, target)
        # The residual is linear: one pass over the difference does for two over the images.
        return (pyramid_residual(output - target).square() + self.eps**2).sqrt().mean()


def pyramid_residual(images: Tensor) -> Tensor:
    """Compute what is lost when images are blurred, halved, and doubled again: (N, C, H, W), the same shape.

    A level of the Laplacian pyramid. The outermost pixels are repeated beyond the border; every second pixel is kept,
    beginning with the first.
    """
    blurred = _blur(images)
    doubled = torch.zeros_like(blurred)
    doubled[..., ::2, ::2] = 4 * blurred[..., ::2, ::2]
    return images - _blur(doubled)


def _blur(images: Tensor) -> Tensor:
    for axis in (-1, -2):
        size = images.shape[axis]
        # Not F.pad: the backward pass of its replicate mode is not deterministic on GPUs.
        first, last = images.narrow(axis, 0, 1), images.narrow(axis, size - 1, 1)
        padded = torch.cat([first, first, images, last, last], axis)
        outer = padded.narrow(axis, 0, size) + padded.narrow(axis, 4, size)
        inner = padded.narrow(axis, 1, size) + padded.narrow(axis, 3, size)
        images = (images * TAPS[2]).add(outer, alpha=TAPS[0]).add(inner, alpha=TAPS[1])
    return images
