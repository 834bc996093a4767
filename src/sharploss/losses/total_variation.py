"""Total variation: a penalty on every difference between neighbouring pixels of the output."""

from torch import Tensor, nn

from sharploss.functional.images import check_pair
from sharploss.utils.argument_checks import check_choice

NORMS = (1, 2)
REDUCTIONS = ("mean", "sum")


def total_variation_loss(output: Tensor, target: Tensor, *, norm: int = 2, reduction: str = "mean") -> Tensor:
    """Compute the total variation of the output; the target only has to have its shape.

    The GV paper's released code takes squared differences, summed, times 1e-8: that is norm 2, reduction "sum" and
    weight 1e-8. Such a sum grows with batch and patch, so "mean" is the default here.

    Args:
        output: restored images, (N, C, H, W) in [0, 1].
        target: ground truth, the same shape.
        norm: 1 for absolute differences, 2 for squared ones.
        reduction: "sum" over batch, channels and both directions; "mean" is that sum divided by N*C*H*W.

    Returns:
        A scalar, 0 for constant images.

    Raises:
        ValueError: shapes differ, or an unknown norm or reduction.
    """
    check_choice("norm", norm, NORMS)
    check_choice("reduction", reduction, REDUCTIONS)
    output, _ = check_pair(output, target)

    across, down = output.diff(dim=-1), output.diff(dim=-2)
    total = across.abs().sum() + down.abs().sum() if norm == 1 else across.square().sum() + down.square().sum()
    return total if reduction == "sum" else total / output.numel()


class TotalVariationLoss(nn.Module):
    """`total_variation_loss` with fixed parameters.

    Raises:
        ValueError: an unknown norm or reduction.
    """

    def __init__(self, norm: int = 2, reduction: str = "mean") -> None:
        super().__init__()
        check_choice("norm", norm, NORMS)
        check_choice("reduction", reduction, REDUCTIONS)
        self.norm, self.reduction = norm, reduction

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Compute the loss of `output` (N, C, H, W); `target` gives the shape alone."""
        return total_variation_loss(output, target, norm=self.norm, reduction=self.reduction)
