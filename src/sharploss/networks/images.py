"""What every network requires of the images it is given."""

from torch import Tensor

CHANNELS = (1, 3)
"""Channels a network can be built for: Y or RGB."""


def check_channels(images: Tensor, channels: int) -> None:
    """Require images (N, `channels`, h, w): a bias or a mean would broadcast others silently.

    Raises:
        ValueError: another number of channels or of dimensions.
    """
    if images.ndim != 4 or images.shape[1] != channels:
        raise ValueError(f"the network was built for images (N, {channels}, h, w), not {tuple(images.shape)}")
