"""Computing value and gradient of a loss a few images at a time, so that a CPU finds what it needs in its cache.

A cheap loss reads and writes memory several times for every addition. Over a large batch that is what it waits for:
block by block, and with the gradient written out instead of recorded, it takes a quarter of the time.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

BLOCK = 1 << 18
"""Values of the images in a block, a megabyte in float32; measured: half or twice as much is slower."""

Kernel = Callable[[Tensor, Tensor, Tensor, Tensor], None]
"""Of some images' output and target, (n, C, H, W): writes their values and the gradient of the values' sum."""

Plain = Callable[[Tensor], Tensor]
"""Of all images' output, (N, C, H, W): the same mean of values, as torch differentiates it."""


def in_blocks(images: Tensor) -> bool:
    """Return whether blocks pay: on a CPU, unless the code is being compiled, which does the same and better."""
    return images.device.type == "cpu" and not torch.compiler.is_compiling()


def mean_in_blocks(kernel: Kernel, plain: Plain, output: Tensor, target: Tensor, shape: tuple[int, ...] = ()) -> Tensor:
    """Compute the mean of the values that `kernel` computes of all images, to be differentiated by `output`.

    Args:
        kernel: as of `Kernel`; an image's values may depend on no other image.
        plain: the same without blocks: what is differentiated where derivatives of derivatives are asked for.
        output: (N, C, H, W).
        target: the same shape, a constant.
        shape: that of the values of one image; (C, H, W) for one a pixel, () for one an image.
    """
    return _MeanInBlocks.apply(output, target, kernel, plain, shape)  # pyright: ignore[reportReturnType]


class _MeanInBlocks(torch.autograd.Function):
    @staticmethod
    def forward(  # noqa: PLR0917
        ctx: Any, output: Tensor, target: Tensor, kernel: Kernel, plain: Plain, shape: tuple[int, ...]
    ) -> Tensor:
        gradient = torch.empty_like(output)
        # Laid out as the images are where it can be: the order of a sum decides its last bits.
        like = shape == tuple(output.shape[1:])
        values = torch.empty_like(output) if like else output.new_empty(len(output), *shape)
        size = max(1, BLOCK // output[0].numel())
        for start in range(0, len(output), size):
            kernel(*(images[start : start + size] for images in (output, target, values, gradient)))
        ctx.save_for_backward(gradient, output)
        ctx.count, ctx.plain = values.numel(), plain
        return values.mean()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        gradient, output = ctx.saved_tensors
        if torch.is_grad_enabled():  # create_graph: the written-out gradient is a constant, and would end the graph
            (gradient,) = torch.autograd.grad(ctx.plain(output), output, create_graph=True)
            return gradient * gradients[0], None, None, None, None
        return gradient * (gradients[0] / ctx.count), None, None, None, None
