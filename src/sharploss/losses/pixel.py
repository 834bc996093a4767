"""Losses that compare pixels one by one: L1, L2, Charbonnier."""

import torch.nn.functional as F
from torch import Tensor, nn

from sharploss.functional.images import check_pair
from sharploss.utils.argument_checks import check_choice, check_number

CHARBONNIER_FORMS = ("mprnet", "basicsr")


def l1_loss(output: Tensor, target: Tensor) -> Tensor:
    """Compute the mean absolute error over batch, channels and pixels.

    Args:
        output: restored images, (N, C, H, W) in [0, 1].
        target: ground truth, the same shape.

    Returns:
        A scalar in [0, 1] for images in [0, 1].

    Raises:
        ValueError: shapes differ.
    """
    return F.l1_loss(*check_pair(output, target))


def l2_loss(output: Tensor, target: Tensor) -> Tensor:
    """Compute the mean squared error over batch, channels and pixels; arguments and errors as `l1_loss`."""
    return F.mse_loss(*check_pair(output, target))


def charbonnier_loss(output: Tensor, target: Tensor, *, eps: float = 1e-3, form: str = "mprnet") -> Tensor:
    """Compute smooth L1: the mean of sqrt(d^2 + c), d = output - target.

    Args:
        output: restored images, (N, C, H, W) in [0, 1].
        target: ground truth, the same shape.
        eps: where L1 turns smooth, in units of the images (`mprnet`) or of their squares (`basicsr`).
        form: "mprnet" has c = eps^2 with eps = 1e-3 (MPRNet, Zamir et al. 2021, eq. 4); "basicsr" has c = eps with
            eps = 1e-12 in BasicSR, which makes it L1 in all but name.

    Returns:
        A scalar; its smallest value is sqrt(c), not 0.

    Raises:
        ValueError: shapes differ, or an unknown form.
    """
    check_choice("form", form, CHARBONNIER_FORMS)
    output, target = check_pair(output, target)
    return ((output - target).square() + (eps**2 if form == "mprnet" else eps)).sqrt().mean()


class L1Loss(nn.Module):
    """`l1_loss` as a module."""

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Compute the loss of `output` (N, C, H, W) against `target`."""
        return l1_loss(output, target)


class L2Loss(nn.Module):
    """`l2_loss` as a module."""

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Compute the loss of `output` (N, C, H, W) against `target`."""
        return l2_loss(output, target)


class CharbonnierLoss(nn.Module):
    """`charbonnier_loss` with fixed parameters.

    Raises:
        ValueError: an unknown form, or eps below 1e-15, whose square root has no gradient at 0 in float32.
    """

    def __init__(self, eps: float = 1e-3, form: str = "mprnet") -> None:
        super().__init__()
        check_number("eps", eps, minimum=1e-15)
        check_choice("form", form, CHARBONNIER_FORMS)
        self.eps, self.form = eps, form

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Compute the loss of `output` (N, C, H, W) against `target`."""
        return charbonnier_loss(output, target, eps=self.eps, form=self.form)
