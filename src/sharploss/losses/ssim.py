"""The SSIM loss: 1 - SSIM."""

from typing import Literal

from torch import Tensor

from sharploss.functional.image_loss import ImageLoss
from sharploss.functional.images import check_size, full_precision
from sharploss.functional.ssim import WINDOW, ssim_map
from sharploss.utils.argument_checks import check_choice


class SSIMLoss(ImageLoss):
    """The mean of 1 - SSIM over batch, channels and places of the window: in [0, 2], 0 for equal images.

    Window 11x11 Gaussian of sigma 1.5, K1 = 0.01, K2 = 0.03, each channel for itself (Wang et al. 2004).

    Args:
        window: "valid" counts the places where the whole window fits, as in the definition; "same" counts every pixel,
            with zeros beyond the border, as the code released with the MDF and GV papers does. Black surroundings are
            the same for both images, so errors near the border count for less. Of those codes the first returns -SSIM
            without the 1, the second +SSIM, so that 1 - SSIM is presumably what was trained with.

    Raises:
        ValueError: an unknown window.
    """

    def __init__(self, window: Literal["valid", "same"] = "valid") -> None:
        super().__init__()
        check_choice("window", window, ("valid", "same"))
        self.window: Literal["valid", "same"] = window
        self.min_size = WINDOW if window == "valid" else 1

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Compute the loss of `output`, (N, C, H, W) in [0, 1], against `target`.

        Raises:
            ValueError: images that are smaller than the patch or window.
        """
        output, target = self.check(output, target)
        check_size(output, self.min_size, "the SSIM window")
        # Variances are small differences of large numbers: bfloat16 convolutions would leave nothing of them.
        with full_precision(output.device.type):
            return 1 - ssim_map(output, target, self.window).mean()
