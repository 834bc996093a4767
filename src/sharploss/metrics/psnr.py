"""Peak signal-to-noise ratio, and the border that every full-reference metric leaves out."""

from torch import Tensor

from sharploss.metrics.cached_image import Images, cached_pair

WHOLE_RGB = ("gv_code", "matlab_rgb")  # protocols whose PSNR is that of RGB without any border


def psnr(output: Images, target: Images, protocol: str = "y", border: int = 4) -> Tensor:
    """Compute the PSNR of each image in dB, -10 log10 of the mean squared error in [0, 1].

    The peak is 1 (255 of 255) on luma too, whose largest value is 235/255: that is how super-resolution papers count.
    Protocols are "y", "y_unrounded", "rgb", "grey8", "gv_code" and "matlab_rgb"; the last two leave out no border.

    Returns:
        (N,) float64 in dB, higher is better; infinity for identical images.

    >>> import torch
    >>> target = torch.zeros(1, 3, 16, 16)
    >>> round(psnr(target + 51 / 255, target, protocol="rgb").item(), 2)
    13.98
    """
    channels, border = ("rgb", 0) if protocol in WHOLE_RGB else (protocol, border)
    one, other = cached_pair(output, target)
    error = one.seen(channels, border) - other.seen(channels, border)
    return -10 * error.square().mean(dim=(1, 2, 3)).log10()
