"""Total variation: a penalty on every difference between neighbouring pixels of the output."""

from torch import Tensor

from sharploss.functional.image_loss import ImageLoss
from sharploss.utils.argument_checks import check_choice


class TotalVariationLoss(ImageLoss):
    """The total variation of the output, 0 for constant images; the target only has to have its shape.

    The GV paper's released code takes squared differences, summed, times 1e-8: that is norm 2, reduction "sum" and
    weight 1e-8. Such a sum grows with batch and patch, so "mean" is the default here.

    Args:
        norm: 1 for absolute differences, 2 for squared ones.
        reduction: "sum" over batch, channels and both directions; "mean" is that sum divided by N*C*H*W.

    Raises:
        ValueError: an unknown norm or reduction.
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
