"""The variance of a map within each patch of a grid, which the GV loss compares and the GV ratio measures."""

from torch import Tensor


def patch_variance(maps: Tensor, patch: int, unbiased: bool = True) -> Tensor:
    """Compute the variance within each patch of a grid; a ragged right or bottom edge is dropped.

    Args:
        maps: (N, C, H, W).
        patch: side of the patches in pixels, at least 2.
        unbiased: whether the sum of squares is divided by patch^2 - 1 or by patch^2.

    Returns:
        (N, C, H // patch, W // patch).
    """
    height, width = (side // patch * patch for side in maps.shape[2:])
    # Not var: over two axes that are not neighbours it takes several times as long on CPUs.
    bands = maps[..., :height, :width].unflatten(2, (-1, patch))
    means = _patch_sums(bands, patch) / patch**2
    stretched = means[..., None].expand(*means.shape, patch).flatten(3)[:, :, :, None]
    return _patch_sums((bands - stretched).square(), patch) / (patch**2 - int(unbiased))


def _patch_sums(bands: Tensor, patch: int) -> Tensor:
    """Sum over each patch: (N, C, rows, patch, columns * patch) to (N, C, rows, columns)."""
    return bands.sum(3).unflatten(3, (-1, patch)).sum(4)
