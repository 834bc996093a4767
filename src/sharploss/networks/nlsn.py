"""NLSN: EDSR with non-local attention among pixels that a random hash puts into the same bucket."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sharploss.networks.edsr import MEANS
from sharploss.networks.layers import check_channels, check_sizes, conv, residual_block, upsampler
from sharploss.utils.argument_checks import check_integer, check_number

EVERY = 8  # residual blocks between two attentions
BUCKETS = 128  # most buckets of a hash
REDUCTION = 4  # how many times fewer channels the attention compares than it moves


class NLSN(nn.Module):
    """Mei et al., "Image super-resolution with non-local sparse attention" (CVPR 2021).

    The hashes are random rotations, drawn anew in every forward pass. The official code draws them from torch's global
    state; here a training step's are a function of the step (`set_step`), and evaluation always has those of step 0, so
    a resumed training and a repeated evaluation give the same bits, on any device. Weights start as PyTorch's
    defaults and images enter as image - mean, both as in the official code (rgb_range 1).

    Args:
        scale: 1, 2, 3 or 4; 1 shuffles nothing.
        blocks: residual blocks; 32 in the paper. An attention comes before the first and after every eighth.
        width: channels, a multiple of 4; 256 in the paper.
        res_scale: factor on what blocks and attentions add; 0.1 in the paper.
        chunk: pixels that attend to one another, and to the two chunks beside; 144 in the paper.
        hashes: rounds of hashing; 4 in the paper.
    """

    mean: Tensor

    def __init__(  # noqa: PLR0917 - the sizes of the paper's table
        self,
        scale: int = 4,
        blocks: int = 32,
        width: int = 256,
        res_scale: float = 0.1,
        chunk: int = 144,
        hashes: int = 4,
        channels: int = 3,
    ) -> None:
        super().__init__()
        check_sizes(scale, channels, blocks=blocks, chunk=chunk, hashes=hashes)
        check_integer("width", width, minimum=REDUCTION)
        check_number("res_scale", res_scale, minimum=0)
        self.channels = channels
        self.register_buffer("mean", torch.tensor(MEANS[channels]).view(1, channels, 1, 1), persistent=False)
        attentions = [SparseAttention(width, res_scale, chunk, hashes, index) for index in range(blocks // EVERY + 1)]
        body: list[nn.Module] = [attentions[0]]
        for index in range(1, blocks + 1):
            body.append(residual_block(width, nn.ReLU(inplace=True), factor=res_scale))
            body += [attentions[index // EVERY]] if index % EVERY == 0 else []
        self.head = conv(channels, width)
        self.body = nn.Sequential(*body, conv(width, width))
        self.tail = nn.Sequential(*upsampler(scale, width), conv(width, channels))

    def set_step(self, step: int) -> None:
        """Set the training step that the next forward pass belongs to, counted from 0."""
        for module in self.body:
            if isinstance(module, SparseAttention):
                module.set_step(step)

    def forward(self, images: Tensor) -> Tensor:
        """Restore (N, C, h, w) images in [0, 1] as (N, C, scale*h, scale*w), unclamped."""
        check_channels(images, self.channels)
        features = self.head(images - self.mean)
        return self.tail(features + self.body(features)) + self.mean


class SparseAttention(nn.Module):
    """Non-local sparse attention (the paper's equations 5 to 9), added to its input times res_scale."""

    def __init__(self, width: int, res_scale: float, chunk: int, hashes: int, index: int) -> None:
        super().__init__()
        self.res_scale, self.chunk, self.hashes, self.index, self.step = res_scale, chunk, hashes, index, 0
        self.match = conv(width, width // REDUCTION)
        self.assembly = nn.Conv2d(width, width, 1)
        self.turns: Tensor | None = None  # this step's rotations, for training patches of one size

    def set_step(self, step: int) -> None:
        """Draw the rotations of a training step, in place once they have a place: a CUDA graph reads them there."""
        self.step = step
        if self.turns is not None:
            self.turns.copy_(rotations(step, self.index, self.turns.shape))

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, width, h, w) to the same shape."""
        queries, values = (layer(features).flatten(2).mT for layer in (self.match, self.assembly))
        codes = self._codes(queries.detach())
        # One round at a time: scores of all rounds together would need `hashes` times the memory in evaluation.
        rounds = [self._attend(queries, values, codes[:, index]) for index in range(self.hashes)]
        weights = torch.stack([score for _, score in rounds]).softmax(0)
        total = sum(found * weight[..., None] for (found, _), weight in zip(rounds, weights, strict=True))
        assert isinstance(total, Tensor)
        return features.add(total.mT.reshape(features.shape), alpha=self.res_scale)

    def _codes(self, queries: Tensor) -> Tensor:
        """Hash queries (N, L, C) into buckets: (N, hashes, L)."""
        buckets = min(max(queries.shape[1] // self.chunk, 1) + 1 & ~1, BUCKETS)
        turned = torch.einsum("nlc,chb->nhlb", queries, self._turns(queries, buckets))
        return torch.cat((turned, -turned), -1).argmax(-1)

    def _turns(self, queries: Tensor, buckets: int) -> Tensor:
        """Return the rotations of the training step, or of step 0 in evaluation, as `rotations` draws them."""
        shape = torch.Size((queries.shape[-1], self.hashes, buckets // 2))
        if not self.training:
            return rotations(0, self.index, shape).to(queries)
        if self.turns is None or self.turns.shape != shape:
            self.turns = rotations(self.step, self.index, shape).to(queries)
        return self.turns

    def _attend(self, queries: Tensor, values: Tensor, codes: Tensor) -> tuple[Tensor, Tensor]:
        """Attend within chunks of pixels sorted by bucket: (N, L, width) and the scores' log-sum-exp (N, L)."""
        order = codes.sort(stable=True).indices
        length = order.shape[1]
        chunk = min(self.chunk, length)
        padding = -length % chunk
        padded = torch.cat((order, order[:, length - padding :]), 1)
        query, value = (_pick(tensor, padded).unflatten(1, (-1, chunk)) for tensor in (queries, values))
        key = _with_neighbours(F.normalize(query, dim=-1, eps=5e-5))
        scores = query @ key.mT
        strength = scores.logsumexp(-1)
        found = (scores - strength[..., None]).exp() @ _with_neighbours(value)
        back = order.argsort()
        return _pick(found.flatten(1, 2)[:, :length], back), strength.flatten(1)[:, :length].gather(1, back)


def rotations(step: int, index: int, shape: torch.Size) -> Tensor:
    """Draw the rotations of one attention in one step, (channels, hashes, buckets / 2), N(0, 1), on the CPU."""
    return torch.randn(shape, generator=torch.Generator().manual_seed((step << 8) + index))


def _pick(tensor: Tensor, indices: Tensor) -> Tensor:
    """Pick rows of (N, L, C) by (N, K): (N, K, C)."""
    return tensor.gather(1, indices[..., None].expand(-1, -1, tensor.shape[-1]))


def _with_neighbours(chunks: Tensor) -> Tensor:
    """Put the chunk before and the chunk after beside each of (N, chunks, size, C): (N, chunks, 3 * size, C)."""
    return torch.cat((chunks, chunks.roll(1, 1), chunks.roll(-1, 1)), 2)
