"""The SSIM loss: 1 - SSIM."""

from typing import Literal

from torch import Tensor, nn

from sharploss.functional.images import check_pair, check_size, full_precision
from sharploss.functional.ssim import WINDOW, ssim_map
from sharploss.utils.argument_checks import check_choice

Window = Literal["valid", "same"]
WINDOWS: tuple[Window, ...] = ("valid", "same")


def ssim_loss(output: Tensor, target: Tensor, *, window: Window = "valid") -> Tensor:
    """Compute the mean of 1 - SSIM over batch, channels and places of the window.

    Window 11x11 Gaussian of sigma 1.5, K1 = 0.01, K2 = 0.03, each channel for itself (Wang et al. 2004).

    Args:
        output: restored images, (N, C, H, W) in [0, 1].
        target: ground truth, the same shape.
        window: "valid" counts the places where the whole window fits, as in the definition; "same" counts every pixel,
            with zeros beyond the border, as the code released with the MDF and GV papers does. Black surroundings are
            the same for both images, so errors near the border count for less. Of those codes the first returns -SSIM
            without the 1, the second +SSIM, so that 1 - SSIM is presumably what was trained with.

    Returns:
        A scalar in [0, 2]; 0 for equal images.

    Raises:
        ValueError: shapes differ, an unknown window, or images smaller than it with "valid".
    """
    check_choice("window", window, WINDOWS)
    output, target = check_pair(output, target)
    if window == "valid":
        check_size(output, WINDOW, "the SSIM window")
    # Variances are small differences of large numbers: bfloat16 convolutions would leave nothing of them.
    with full_precision(output.device.type):
        return 1 - ssim_map(output, target, window).mean()


class SSIMLoss(nn.Module):
    """`ssim_loss` with a fixed window.

    Attributes:
        min_size: the side in pixels below which images are too small.

    Raises:
        ValueError: an unknown window.
    """

    def __init__(self, window: Window = "valid") -> None:
        super().__init__()
        check_choice("window", window, WINDOWS)
        self.window: Window = window
        self.min_size = WINDOW if window == "valid" else 1

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Compute the loss of `output` (N, C, H, W) against `target`."""
        return ssim_loss(output, target, window=self.window)
