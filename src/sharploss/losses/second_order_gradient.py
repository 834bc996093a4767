"""The second-order gradient loss: a distance between second derivatives of output and target."""

from torch import Tensor

from sharploss.functional.filters import BORDERS, LAPLACIANS, laplacian, sobel_x, sobel_y
from sharploss.functional.image_loss import ImageLoss
from sharploss.utils.argument_checks import check_choice


class SecondOrderGradientLoss(ImageLoss):
    """The mean distance between second-order gradient maps of output and target, over batch, channels and pixels.

    The idea is that of Lin, Zhang and Yang (TBench 2023), of which only the abstract was to be had: operator, norm and
    weight are OURS, not theirs.

    Args:
        kernel: "4-neighbour" or "8-neighbour" Laplacian, or "sobel_twice": Sobel's filter twice along each axis, the
            mean of the two maps' distances.
        norm: 1 for absolute distances, 2 for squared ones.
        border: what the filter sees beyond the image: "replicate", "reflect" or "zero".

    >>> import torch
    >>> image = torch.linspace(0, 1, 16).square().expand(1, 3, 16, 16)
    >>> round(SecondOrderGradientLoss()(image / 2, image).item(), 4)
    0.0081
    """

    def __init__(self, kernel: str = "4-neighbour", norm: int = 1, border: str = "replicate") -> None:
        super().__init__()
        check_choice("kernel", kernel, (*LAPLACIANS, "sobel_twice"))
        check_choice("norm", norm, (1, 2))
        check_choice("border", border, BORDERS)
        self.kernel, self.norm, self.border = kernel, norm, border

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Compute the loss of `output`, (N, C, H, W) in [0, 1], against `target`."""
        output, target = self.check(output, target)
        # All of these filters are linear: one pass over the difference does for two over the images.
        error = output - target
        if self.kernel == "sobel_twice":
            across, down = (sobel(sobel(error, self.border), self.border) for sobel in (sobel_x, sobel_y))
            return (self._size(across) + self._size(down)) / 2
        return self._size(laplacian(error, self.kernel, self.border))

    def _size(self, maps: Tensor) -> Tensor:
        return (maps.abs() if self.norm == 1 else maps.square()).mean()
