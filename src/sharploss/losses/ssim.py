"""The SSIM and MS-SSIM losses: 1 - structural similarity."""

from typing import Literal

from torch import Tensor

from sharploss.functional.image_loss import ImageLoss
from sharploss.functional.images import check_size, full_precision
from sharploss.functional.ms_ssim import WEIGHTS, min_size, ms_ssim_of_channels
from sharploss.functional.ssim import WINDOW, ssim_map
from sharploss.utils.argument_checks import check_choice, check_integer


class SSIMLoss(ImageLoss):
    """The mean of 1 - SSIM over batch, channels and places of the window: in [0, 2], 0 for equal images.

    Window 11x11 Gaussian of sigma 1.5, K1 = 0.01, K2 = 0.03, each channel for itself (Wang et al. 2004).

    Args:
        window: "valid" counts the places where the whole window fits, as in the definition; "same" counts every pixel,
            with zeros beyond the border, as the code released with the MDF and GV papers does (the first returns -SSIM,
            the second +SSIM): errors near the border count for less.

    >>> import torch
    >>> image = torch.linspace(0, 1, 32).square().expand(1, 3, 32, 32)
    >>> round(SSIMLoss()(image * 0.9, image).item(), 4)
    0.0097
    """

    def __init__(self, window: Literal["valid", "same"] = "valid") -> None:
        super().__init__()
        check_choice("window", window, ("valid", "same"))
        self.window: Literal["valid", "same"] = window
        self.min_size = WINDOW if window == "valid" else 1

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Compute the loss of `output`, (N, C, H, W) in [0, 1], against `target`."""
        output, target = self.check(output, target)
        check_size(output, self.min_size, "the SSIM window")
        # Variances are small differences of large numbers: bfloat16 convolutions would leave nothing of them.
        with full_precision(output.device.type):
            return 1 - ssim_map(output, target, self.window).mean()


class MSSSIMLoss(ImageLoss):
    """The mean over images and channels of 1 - MS-SSIM: in [0, 1], 0 for equal images.

    Wang, Simoncelli and Bovik, "Multi-scale structural similarity for image quality assessment" (Asilomar 2003), eq. 7:
    the product over scales of contrast-structure, that of the coarsest times its luminance, each the mean over every
    place where the whole window fits, raised to its scale's weight. From scale to scale, 2x2 pixels are averaged; at a
    ragged edge, those that are there ("mdf" drops it). Window and constants are those of `SSIMLoss`.

    Args:
        scales: 2 to 5; with fewer than five the weights of the finest are used, stretched to the sum of the five,
            which is OURS: five scales need 161 pixels, more than training patches have.
        form: "wang" is the definition; "mdf" is what the MDF paper's released code computes, in which the SSIM of the
            coarsest scale enters once for every other scale (four times instead of once). That code gives -MS-SSIM of
            the whole batch and all channels at once, without the 1.

    >>> import torch
    >>> image = torch.linspace(0, 1, 32).square().expand(1, 3, 32, 32)
    >>> round(MSSSIMLoss(scales=2)(image * 0.9, image).item(), 4)
    0.0098
    """

    def __init__(self, scales: int = 5, form: str = "wang") -> None:
        super().__init__()
        check_integer("scales", scales, minimum=2)
        check_choice("scales", scales, tuple(range(2, len(WEIGHTS) + 1)))
        check_choice("form", form, ("wang", "mdf"))
        self.scales, self.form, self.min_size = scales, form, min_size(scales)

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Compute the loss of `output`, (N, C, H, W) in [0, 1], against `target`."""
        output, target = self.check(output, target)
        check_size(output, self.min_size, f"MS-SSIM over {self.scales} scales")
        with full_precision(output.device.type):
            return 1 - ms_ssim_of_channels(output, target, self.scales, self.form).mean()
