"""The MS-SSIM loss: 1 - multi-scale structural similarity."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sharploss.functional.images import check_size, full_precision, matched
from sharploss.metrics.ssim import WINDOW, ssim_parts
from sharploss.utils.argument_checks import check_choice, check_integer

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
"""Exponents of the five scales, the finest first (Wang, Simoncelli and Bovik 2003)."""

FORMS = ("wang", "mdf")
SCALES = tuple(range(2, len(WEIGHTS) + 1))

SMALLEST_FACTOR = 1e-6
"""The least a factor counts: a negative one, of images that contradict each other, has no fractional power."""


def ms_ssim_loss(output: Tensor, target: Tensor, *, scales: int = 5, form: str = "wang") -> Tensor:
    """1 - MS-SSIM of every image and channel, the mean over them.

    Wang, Simoncelli and Bovik, "Multi-scale structural similarity for image quality assessment" (Asilomar 2003), eq. 7:
    the product over scales of contrast-structure, that of the coarsest times its luminance, each the mean over every
    place where the whole window fits, raised to its scale's weight. From scale to scale, 2x2 pixels are averaged; at a
    ragged edge, those that are there ("mdf" drops it). They are counted from the left and the top: of sides that are
    not multiples of 2^(scales - 1) a flipped image has another value. Window and constants are those of `ssim_loss`.

    Args:
        output: restored images, (N, C, H, W) in [0, 1].
        target: ground truth, the same shape.
        scales: 2 to 5; with fewer than five the weights of the finest are used, stretched to the sum of the five,
            which is OURS: five scales need 161 pixels, more than training patches have.
        form: "wang" is the definition; "mdf" is what the MDF paper's released code computes, in which the SSIM of the
            coarsest scale enters once for every other scale (four times instead of once). That code gives -MS-SSIM of
            the whole batch and all channels at once, without the 1.

    Returns:
        A scalar in [0, 1]; 0 for equal images.

    Raises:
        ValueError: shapes differ, an unknown form or number of scales, or images too small for the window at the
            coarsest scale.
    """
    check_choice("form", form, FORMS)
    check_choice("scales", scales, SCALES)
    output, target = matched(output, target)
    check_size(output, smallest(scales), f"MS-SSIM over {scales} scales")
    with full_precision(output.device.type):
        return 1 - ms_ssim(output, target, scales, form).mean()


def ms_ssim(output: Tensor, target: Tensor, scales: int = 5, form: str = "wang") -> Tensor:
    """Give MS-SSIM of every image and channel, (N, C), in the images' dtype; arguments as those of `ms_ssim_loss`."""
    contrasts: list[Tensor] = []
    similarity = output
    for scale in range(scales):
        if scale:
            output, target = (F.avg_pool2d(images, 2, ceil_mode=form == "wang") for images in (output, target))
        luminance, contrast = ssim_parts(output, target)
        contrasts.append(contrast.mean(dim=(2, 3)))
        similarity = (luminance * contrast).mean(dim=(2, 3))
    weights = [weight * (sum(WEIGHTS) / sum(WEIGHTS[:scales])) for weight in WEIGHTS[:scales]]
    times = 1 if form == "wang" else scales - 1
    factors = [_power(contrast, weight) for contrast, weight in zip(contrasts[:-1], weights[:-1], strict=True)]
    return torch.stack([*factors, _power(similarity, weights[-1] * times)]).prod(dim=0)


def _power(factor: Tensor, exponent: float) -> Tensor:
    return factor.clamp_min(SMALLEST_FACTOR) ** exponent


def smallest(scales: int) -> int:
    """Give the side in pixels of the smallest images with a whole window at the coarsest of so many scales."""
    return (WINDOW - 1) * 2 ** (scales - 1) + 1


class MSSSIMLoss(nn.Module):
    """`ms_ssim_loss` with fixed parameters.

    Attributes:
        smallest: the side in pixels below which images are too small.

    Raises:
        ValueError: fewer than 2 or more than 5 scales, or an unknown form.
    """

    def __init__(self, scales: int = 5, form: str = "wang") -> None:
        super().__init__()
        check_integer("scales", scales, minimum=2)
        check_choice("scales", scales, SCALES)
        check_choice("form", form, FORMS)
        self.scales, self.form, self.smallest = scales, form, smallest(scales)

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Give the loss of `output` (N, C, H, W) against `target`."""
        return ms_ssim_loss(output, target, scales=self.scales, form=self.form)
