"""A loss as training uses it: a weighted sum of named terms."""

from collections.abc import Mapping, Sequence
from functools import partial
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

    def forward(self, output: Tensor | Sequence[Tensor], target: Tensor) -> Tensor:
        """Give the weighted sum, a scalar, of `output` against `target`; arguments as those of `terms`."""
        return self.weigh(self.terms(output, target))

    def terms(self, output: Tensor | Sequence[Tensor], target: Tensor) -> dict[str, Tensor]:
        """Give the unweighted terms, scalars by name.

        Args:
            output: (N, C, H, W) in [0, 1], or several of them: the stages of a network that is trained on each, over
                which every term is summed (MPRNet).
            target: (N, C, H, W) in [0, 1].
        """
        stages = (output,) if isinstance(output, Tensor) else output
        terms: dict[str, Tensor] = {}
        for name, loss in self.losses.items():
            with torch.set_grad_enabled(torch.is_grad_enabled() and self.weights[name] != 0):
                # What a term makes of the target (features, for one) serves all stages.
                against: Any = getattr(loss, "against", None)
                compare = against(target) if against else partial(loss, target=target)
                terms[name] = _total([compare(stage) for stage in stages])
        return terms

    def weighted(self, terms: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Give what `terms` returned, each times its weight; those of weight 0 are left out. `weigh` is their sum."""
        weighted = {name: (term, self.weights[name]) for name, term in terms.items() if self.weights[name] != 0}
        return {name: term if weight == 1 else term * weight for name, (term, weight) in weighted.items()}

    def weigh(self, terms: Mapping[str, Tensor]) -> Tensor:
        """Give the weighted sum, a scalar, of what `terms` returned."""
        return _total(list(self.weighted(terms).values()))

    @property
    def backbones(self) -> dict[str, str]:
        """Name the weights that terms have loaded, by term, for the record: several files can serve one term."""
        loaded = {name: getattr(loss, "backbone", "") for name, loss in self.losses.items()}
        return {name: backbone for name, backbone in loaded.items() if backbone}


def _total(values: Sequence[Tensor]) -> Tensor:
    """Add up without a 0 to begin with, so that a single value stays the same tensor."""
    total, *others = values
    for other in others:
        total = total + other
    return total
