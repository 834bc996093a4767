"""Training batches: patches gathered from a pack that lies whole on the device.

No image file is decoded and no worker process runs while a network trains: a batch is a gather of rows of pixels.
"""

import copy

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from sharploss.data.pack import INPUT, TARGET, Pack
from sharploss.utils.errors import UserError

BLOCK = 256  # random numbers are drawn and moved to the device for this many steps at a time
CHUNK = 8  # pixels are gathered for this many steps at a time; it divides BLOCK
Integers = npt.NDArray[np.int64]


class Patches:
    """Random patches with the eight flips and rotations; the batch of a step is a pure function of (seed, step).

    Images are drawn uniformly, then positions uniformly within the image, then flips and transposition. With several
    processes each gathers its share of the same global batch. `left_out` is {image: why no patch is taken from it}.

    Args:
        pack: what to draw from.
        scale: target size / input size (1 for tasks that keep the size).
        patch: side of an input patch, in pixels; the target patch has scale * patch.
        batch: patches in a global batch.
        seed: of the random numbers, at least 0.
        device: where the pixels lie and the batches appear.
        augment: flip and rotate.
        rank, world: this process, 0 to world - 1, of those that share a batch.
        parts: equal parts of a batch, of which process r gathers r, r + world, ...; as many as processes by default.

    Raises:
        UserError: no image is as large as the patch, the pack is of another scale, or a batch cannot be shared evenly.
    """

    def __init__(
        self,
        pack: Pack,
        *,
        scale: int,
        patch: int,
        batch: int,
        seed: int,
        device: str | torch.device = "cpu",
        augment: bool = True,
        rank: int = 0,
        world: int = 1,
        parts: int | None = None,
    ) -> None:
        _check_scale(pack, scale)
        usable = pack.images[:, INPUT, 2:].amin(1) >= patch
        self.left_out = {
            name: f"its input is smaller than the patch of {patch} pixels"
            for name, fits in zip(pack.names, usable.tolist(), strict=True)
            if not fits
        }
        if len(self.left_out) == len(pack):
            raise UserError(f"{pack.path} holds no image as large as the patch of {patch}: choose a smaller patch.")
        parts = parts or world
        if batch % parts or parts % world:
            raise UserError(f"A batch of {batch} cannot be shared by {world} processes: make it a multiple of {parts}.")
        self.scale, self.patch, self.size, self.seed, self.augment = scale, patch, batch, seed, augment
        self.share = np.arange(batch).reshape(parts, -1)[rank::world].flatten()
        self.channels = int(pack.images[0, 0, 1])
        self.table: Integers = pack.images[usable].numpy()
        self.pixels = pack.pixels_on(device)
        self.block = self.chunk = -1

    def stream(self, seed: int) -> "Patches":
        """Return the same images, on the same device, with the draws of another seed."""
        other = copy.copy(self)
        other.seed, other.block, other.chunk = seed, -1, -1
        return other

    def batch(self, step: int) -> tuple[Tensor, Tensor]:
        """Gather the batch of a step (0, 1, ...), in any order of calls.

        They are input (B, C, patch, patch) and target (B, C, scale * patch, scale * patch), float32 in [0, 1] and
        channels-last, where B is this process's share of the batch.
        """
        inputs, targets = self._bytes(step)
        return inputs.div(255).permute(0, 3, 1, 2), targets.div(255).permute(0, 3, 1, 2)

    def fill(self, step: int, input: Tensor, target: Tensor) -> None:
        """Write the batch of a step into tensors of its shapes, one operation each: a CUDA graph reads them there."""
        for pixels, images in zip(self._bytes(step), (input, target), strict=True):
            torch.div(pixels, 255, out=images.permute(0, 2, 3, 1))

    def _bytes(self, step: int) -> tuple[Tensor, Tensor]:
        """Return the pixels of a step's inputs and targets, each (B, h, w, C) uint8."""
        chunk, index = divmod(step, CHUNK)
        if chunk != self.chunk:
            self._gather(chunk)
        return self.inputs[index], self.targets[index]

    def _gather(self, chunk: int) -> None:
        """Gather the pixels of a few steps at once: one small operation less for every step after the first."""
        block, index = divmod(chunk, BLOCK // CHUNK)
        if block != self.block:
            self._draw(block)
        counts, order = self.counts[index], self.order[index]
        self.inputs = self._patches(self.input_rows[index], self.patch, counts, order)
        self.targets = self._patches(self.target_rows[index], self.scale * self.patch, counts, order)
        self.chunk = chunk

    def _patches(self, rows: Tensor, side: int, counts: list[int], order: Tensor) -> Tensor:
        """Return (CHUNK, share, side, side, C) uint8 from the starts of their rows, sorted by what is done to them."""
        # Every run of bytes as long as a patch's row, as overlapping rows of one matrix: selecting a row copies it in
        # one go. The last row ends with the last pixel.
        length = side * self.channels
        runs = self.pixels.as_strided((self.pixels.numel() - length + 1, length), (1, 1))
        patches = runs.index_select(0, rows).view(-1, side, side, self.channels)
        plain, mirrored, turned, both = patches.split(counts)
        mixed = torch.cat((plain, mirrored.flip(2), turned.transpose(1, 2), both.flip(2).transpose(1, 2)))
        return mixed.index_select(0, order).unflatten(0, (CHUNK, -1))

    def _draw(self, block: int) -> None:
        """Draw a block of steps: what to gather goes to the device once, nothing is copied or awaited in a step."""
        draws = self._random(block).reshape(BLOCK // CHUNK, -1, 4)
        # The patches of a chunk are gathered sorted by what is done to them, so that each of the four kinds is one
        # slice, and put back in order.
        kind = draws[..., 3] >> 1
        sorting = np.argsort(kind, axis=1, kind="stable")
        self.counts: list[list[int]] = (kind[..., None] == np.arange(4)).sum(1).tolist()
        self.order = torch.from_numpy(np.argsort(sorting, axis=1)).to(self.pixels.device)
        draws = np.take_along_axis(draws, sorting[..., None], axis=1)
        self.input_rows = self._rows(draws, INPUT, 1)
        self.target_rows = self._rows(draws, TARGET, self.scale)
        self.block = block

    def _random(self, block: int) -> Integers:
        """Draw (BLOCK, share, 4) integers: image, top and left in the input, and one of 8 ways to flip and turn."""
        key = np.array([self.seed, block], dtype=np.uint64)
        # The raw stream, because numpy's own integers may change from version to version.
        raw = np.random.Philox(key=key).random_raw(BLOCK * self.size * 4) >> np.uint64(32)
        raw = raw.astype(np.int64).reshape(BLOCK, self.size, 4)
        image = raw[..., 0] * len(self.table) >> 32
        room = self.table[image, INPUT, 2:] - self.patch + 1
        limits = np.concatenate((room, np.full_like(room[..., :1], 8 if self.augment else 1)), axis=-1)
        draws = np.concatenate((image[..., None], raw[..., 1:] * limits >> 32), axis=-1)
        # A batch lists its patches by what is done to them, plain ones first.
        order = np.argsort(draws[..., 3] >> 1, axis=1, kind="stable")
        return np.take_along_axis(draws, order[..., None], axis=1)[:, self.share]

    def _rows(self, draws: Integers, side: int, scale: int) -> Tensor:
        """Return where each row of each patch starts in the pixels, (chunks, rows of a chunk), on the device."""
        image, top, left, way = np.moveaxis(draws, -1, 0)
        offset, channels, _, width = np.moveaxis(self.table[image, side], -1, 0)
        size = scale * self.patch
        upside_down = way & 1
        first = (scale * top + upside_down * (size - 1)) * width + scale * left
        stride = np.where(upside_down, -width, width)
        small = torch.from_numpy(np.stack((offset + first * channels, stride * channels))).to(self.pixels.device)
        start, step = small[..., None].unbind(0)
        return (start + step * torch.arange(size, device=small.device)).flatten(1)


def _check_scale(pack: Pack, scale: int) -> None:
    """Refuse a pack that was made for another scale, or is empty."""
    if len(pack) == 0:
        raise UserError(f"{pack.path} holds no images: name at least one set in the task.")
    channels, heights_and_widths = pack.images[..., 1], pack.images[..., 2:]
    wrong = (heights_and_widths[:, TARGET] != scale * heights_and_widths[:, INPUT]).any(1)
    wrong |= (channels != channels[0, 0]).any(1)
    if wrong.any():
        name = pack.names[int(wrong.nonzero()[0])]
        raise UserError(f"{name} in {pack.path} was not packed for scale {scale}: run 'make repro' to make it again.")
