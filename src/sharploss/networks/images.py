"""What every network requires of the images it is given, and of its scale."""

from typing import Any

from torch import Tensor

from sharploss.utils.argument_checks import check_choice, check_integer

CHANNEL_COUNTS = (1, 3)
"""Channels a network can be built for: Y or RGB."""


def check_channels(images: Tensor, channels: int, built: str = "network") -> None:
    """Require images (N, `channels`, h, w): a bias or a mean would broadcast others silently.

    Args:
        images: what was given.
        channels: what it was built for, 1 or 3.
        built: what the message calls it.

    Raises:
        ValueError: another number of channels or of dimensions.
    """
    if images.ndim != 4 or images.shape[1] != channels:
        raise ValueError(f"the {built} was built for images (N, {channels}, h, w), not {tuple(images.shape)}")


def check_scale(scale: Any, scales: tuple[int, ...]) -> None:
    """Require `scale` to be one of `scales`, an integer: 2.0 would become a fraction of a channel somewhere.

    Raises:
        ValueError: another scale.
    """
    check_choice("scale", scale, scales)
    check_integer("scale", scale, minimum=min(scales))
