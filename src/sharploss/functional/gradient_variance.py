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
    return patch_sums(centred(maps, patch).square(), patch) / (patch**2 - int(unbiased))


def centred(maps: Tensor, patch: int) -> Tensor:
    """Cut maps into bands, (N, C, H // patch, patch, W // patch * patch), and subtract each patch's mean."""
    height, width = (side // patch * patch for side in maps.shape[2:])
    bands = maps[..., :height, :width].unflatten(2, (-1, patch))
    # Not var: over two axes that are not neighbours it takes several times as long on CPUs.
    return bands - stretched(patch_sums(bands, patch) / patch**2, patch)


def patch_sums(bands: Tensor, patch: int) -> Tensor:
    """Sum over each patch: (N, C, rows, patch, columns * patch) to (N, C, rows, columns)."""
    return bands.sum(3).unflatten(3, (-1, patch)).sum(4)


def stretched(values: Tensor, patch: int) -> Tensor:
    """Repeat a value of every patch along its width, so that it meets bands: (N, C, rows, 1, columns * patch)."""
    return values[..., None].expand(*values.shape, patch).flatten(3)[:, :, :, None]
