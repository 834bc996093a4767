"""Losses of pixels and their neighbours: L1, L2, Charbonnier and total variation."""

import torch.nn.functional as F
from torch import Tensor

from sharploss.functional.image_loss import ImageLoss
from sharploss.utils.argument_checks import check_choice, check_number


class L1Loss(ImageLoss):
    """The mean absolute error over batch, channels and pixels: in [0, 1] for images in [0, 1].

    >>> import torch
    >>> image = torch.linspace(0, 1, 32).square().expand(1, 3, 32, 32)
    >>> round(L1Loss()(image * 0.9, image).item(), 4)
    0.0339
    """

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Compute the loss of `output`, (N, C, H, W) in [0, 1], against `target`."""
        output, target = self.check(output, target)
        return F.l1_loss(output, target)


class L2Loss(ImageLoss):
    """The mean squared error over batch, channels and pixels: in [0, 1] for images in [0, 1].

    >>> import torch
    >>> image = torch.linspace(0, 1, 32).square().expand(1, 3, 32, 32)
    >>> round(L2Loss()(image * 0.9, image).item(), 4)
    0.0021
    """

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Compute the loss of `output`, (N, C, H, W) in [0, 1], against `target`."""
        output, target = self.check(output, target)
        return F.mse_loss(output, target)


class CharbonnierLoss(ImageLoss):
    """Smooth L1: the mean of sqrt(d^2 + c), d = output - target. Its smallest value is sqrt(c), not 0.

    Args:
        eps: where L1 turns smooth, in units of the images (`mprnet`) or of their squares (`basicsr`); at least 1e-15,
            below which the root has no gradient at 0 in float32.
        form: "mprnet" has c = eps^2 with eps = 1e-3 (MPRNet, Zamir et al. 2021, eq. 4); "basicsr" has c = eps with
            eps = 1e-12 in BasicSR, which makes it L1 in all but name.

    >>> import torch
    >>> image = torch.linspace(0, 1, 32).square().expand(1, 3, 32, 32)
    >>> round(CharbonnierLoss()(image * 0.9, image).item(), 4)
    0.034
    """

    def __init__(self, eps: float = 1e-3, form: str = "mprnet") -> None:
        super().__init__()
        check_number("eps", eps, minimum=1e-15)
        check_choice("form", form, ("mprnet", "basicsr"))
        self.eps, self.form = eps, form

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Compute the loss of `output`, (N, C, H, W) in [0, 1], against `target`."""
        output, target = self.check(output, target)
        constant = self.eps**2 if self.form == "mprnet" else self.eps
        return ((output - target).square() + constant).sqrt().mean()


class TotalVariationLoss(ImageLoss):
    """The total variation of the output, 0 for constant images; the target only has to have its shape.

    The GV paper's released code takes squared differences, summed, times 1e-8: that is norm 2, reduction "sum" and
    weight 1e-8. Such a sum grows with batch and patch, so "mean" is the default here.

    Args:
        norm: 1 for absolute differences, 2 for squared ones.
        reduction: "sum" over batch, channels and both directions; "mean" is that sum divided by N*C*H*W.

    >>> import torch
    >>> image = torch.linspace(0, 1, 32).square().expand(1, 3, 32, 32)
    >>> round(TotalVariationLoss()(image * 0.9, image).item(), 4)
    0.0011
    """

    def __init__(self, norm: int = 2, reduction: str = "mean") -> None:
        super().__init__()
        check_choice("norm", norm, (1, 2))
        check_choice("reduction", reduction, ("mean", "sum"))
        self.norm, self.reduction = norm, reduction

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Compute the loss of `output`, (N, C, H, W) in [0, 1], against `target`."""
        output, _ = self.check(output, target)
        across, down = (output.diff(dim=axis) for axis in (-1, -2))
        sizes = (across.abs(), down.abs()) if self.norm == 1 else (across.square(), down.square())
        total = sizes[0].sum() + sizes[1].sum()
        return total if self.reduction == "sum" else total / output.numel()
