"""The second-order gradient loss: a distance between second derivatives of output and target."""

from torch import Tensor, nn

from sharploss.functional.filters import BORDERS, LAPLACIANS, laplacian, sobel_x, sobel_y
from sharploss.functional.images import check_pair
from sharploss.utils.argument_checks import check_choice

KERNELS = (*LAPLACIANS, "sobel_twice")
NORMS = (1, 2)


def second_order_gradient_loss(
    output: Tensor, target: Tensor, *, kernel: str = "4-neighbour", norm: int = 1, border: str = "replicate"
) -> Tensor:
    """Compute the mean distance between second-order gradient maps of output and target.

    The idea is that of Lin, Zhang and Yang (TBench 2023), of which only the abstract was to be had: operator, norm and
    weight are OURS, not theirs.

    Args:
        output: restored images, (N, C, H, W) in [0, 1].
        target: ground truth, the same shape.
        kernel: "4-neighbour" or "8-neighbour" Laplacian, or "sobel_twice": Sobel's filter twice along each axis, the
            mean of the two maps' distances.
        norm: 1 for absolute distances, 2 for squared ones.
        border: what the filter sees beyond the image: "replicate", "reflect" or "zero".

    Returns:
        A scalar: the mean over batch, channels and pixels.

    Raises:
        ValueError: shapes differ, or an unknown kernel, norm or border.
    """
    check_choice("kernel", kernel, KERNELS)
    check_choice("norm", norm, NORMS)
    output, target = check_pair(output, target)

    # All of these filters are linear: one pass over the difference does for two over the images.
    error = output - target
    if kernel == "sobel_twice":
        maps = [sobel(sobel(error, border), border) for sobel in (sobel_x, sobel_y)]
        return (_size(maps[0], norm) + _size(maps[1], norm)) / 2
    return _size(laplacian(error, kernel, border), norm)


def _size(maps: Tensor, norm: int) -> Tensor:
    return (maps.abs() if norm == 1 else maps.square()).mean()


class SecondOrderGradientLoss(nn.Module):
    """`second_order_gradient_loss` with fixed parameters.

    Raises:
        ValueError: an unknown kernel, norm or border.
    """

    def __init__(self, kernel: str = "4-neighbour", norm: int = 1, border: str = "replicate") -> None:
        super().__init__()
        check_choice("kernel", kernel, KERNELS)
        check_choice("norm", norm, NORMS)
        check_choice("border", border, BORDERS)
        self.kernel, self.norm, self.border = kernel, norm, border

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Compute the loss of `output` (N, C, H, W) against `target`."""
        return second_order_gradient_loss(output, target, kernel=self.kernel, norm=self.norm, border=self.border)
