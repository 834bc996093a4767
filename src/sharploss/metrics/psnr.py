"""Peak signal-to-noise ratio."""

from torch import Tensor

from sharploss.errors import UserError
from sharploss.metrics.colour import in_protocol


def psnr(output: Tensor, target: Tensor, protocol: str = "y", border: int = 4) -> Tensor:
    """Give the PSNR of each image, 10 log10(1 / MSE), in dB.

    Args:
        output: (N, 3, H, W) RGB in [0, 1]; clamped and rounded to 8 bits first.
        target: ground truth, the same shape.
        protocol: "y", "rgb" or "grey" (sharploss.protocols).
        border: pixels shaved off each side; the scale, by custom.

    Returns:
        (N,) float64; infinite for identical images.

    Raises:
        UserError: the sizes differ, an unknown protocol, or a border that leaves nothing.
    """
    check_same_size(output, target)
    difference = in_protocol(output, protocol, border) - in_protocol(target, protocol, border)
    return -10 * difference.square().mean(dim=(1, 2, 3)).log10()


def check_same_size(output: Tensor, target: Tensor) -> None:
    """Require two images of one size.

    Raises:
        UserError: they differ.
    """
    if output.shape != target.shape:
        sizes = f"{tuple(output.shape)} and {tuple(target.shape)}"
        raise UserError(
            f"Images of different sizes cannot be compared: {sizes}; crop the target to a multiple of the scale."
        )
