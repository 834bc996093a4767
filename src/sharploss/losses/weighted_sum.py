"""A loss as training uses it: a weighted sum of named terms."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn


class WeightedSum(nn.Module):
    """Sums loss terms, each times its weight.

    A term of weight 0 is computed without gradients and left out of the sum: it is watched, not trained on.

    Attributes:
        weights: the weight of each term, by name.
        spec: what the terms were built from, defaults spelt out; `build_loss(spec)` gives the same loss again.

    Args:
        losses: modules by name; each maps (output, target) to a scalar.
        weights: a finite number of at least 0 for every name, one of them above 0.
        spec: see above.
    """

    def __init__(
        self, losses: Mapping[str, nn.Module], weights: Mapping[str, float], spec: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__()
        self.losses = nn.ModuleDict(losses)
        self.weights = dict(weights)
        self.spec = dict(spec or {})

    def forward(self, output: Tensor, target: Tensor) -> Tensor:
        """Give the weighted sum, a scalar, of `output` (N, C, H, W) in [0, 1] against `target`."""
        return self.weigh(self.terms(output, target))

    def terms(self, output: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Give the unweighted terms, scalars by name."""
        terms: dict[str, Tensor] = {}
        for name, loss in self.losses.items():
            with torch.set_grad_enabled(torch.is_grad_enabled() and self.weights[name] != 0):
                terms[name] = loss(output, target)
        return terms

    def weigh(self, terms: Mapping[str, Tensor]) -> Tensor:
        """Give the weighted sum, a scalar, of what `terms` returned."""
        weighted = ((term, self.weights[name]) for name, term in terms.items())
        total, *others = (term if weight == 1 else term * weight for term, weight in weighted if weight != 0)
        for other in others:
            total = total + other
        return total
