"""A loss as training uses it: a weighted sum of named terms."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from sharploss.config.loss_spec import LossSpec
from sharploss.utils.argument_checks import check_number
from sharploss.utils.errors import UserError

HALVES = (torch.bfloat16, torch.float16)


class Terms(dict[str, Tensor]):
    """The terms of a loss by name, scalars: unweighted as a mapping, and each times its weight in `weighted`."""

    def __init__(self, terms: Mapping[str, Tensor], weights: Mapping[str, float]) -> None:
        super().__init__(terms)
        self.weights = weights

    @property
    def weighted(self) -> dict[str, Tensor]:
        """Each term times its weight, by name; one of weight 0 is 0, whatever its value."""
        return {name: self._share(name) for name in self}

    @property
    def total(self) -> Tensor:
        """The weighted sum, a scalar: the loss."""
        return _total([self._share(name) for name in self if self.weights[name] != 0])

    def _share(self, name: str) -> Tensor:
        weight = self.weights[name]
        if weight == 0:
            return torch.zeros_like(self[name])  # a term that is only logged may be NaN
        return self[name] if weight == 1 else self[name] * weight


class WeightedSum(nn.Module):
    """Sums loss terms, each times its weight.

    A term of weight 0 is computed without gradients and left out of the sum: it is logged, not trained on. `shared` are
    networks that several terms read features of (`sharploss.losses.vgg_features.shared_backbones`).

    Args:
        losses: modules by name; each maps (output, target) to a scalar.
        weights: a finite number of at least 0 for every name, one of them above 0, or ValueError.
        spec: what `build_loss` made the terms from, defaults spelt out: `build_loss(spec)` makes the same loss again.
    """

    def __init__(
        self, losses: Mapping[str, nn.Module], weights: Mapping[str, float], spec: LossSpec | None = None
    ) -> None:
        super().__init__()
        if losses.keys() != weights.keys():
            raise ValueError(f"losses and weights must have the same names, not {list(losses)} and {list(weights)}")
        for name, weight in weights.items():
            check_number(f"the weight of {name}", weight, minimum=0)
        if not any(weights.values()):
            raise ValueError("one of the weights must be above 0")
        self.losses = nn.ModuleDict(losses)
        self.weights = dict(weights)
        self.spec = spec
        self.shared: Sequence[Any] = ()

    def forward(self, output: Tensor | Sequence[Tensor], target: Tensor) -> Tensor:
        """Compute the weighted sum, a scalar, of `output` against `target`; arguments as those of `terms`."""
        return self.terms(output, target).total

    def terms(self, output: Tensor | Sequence[Tensor], target: Tensor) -> Terms:
        """Compute each part of the loss: unweighted, and in `.weighted` times its weight; `.total` is their sum.

        `output` is (N, C, H, W) in [0, 1], or several of them: the stages of a network that is trained on each, over
        which every term is summed (MPRNet); `target` is (N, C, H, W) in [0, 1].
        """
        stages: Any = (output,) if isinstance(output, Tensor) else output
        if not (isinstance(stages, Sequence) and stages and all(isinstance(stage, Tensor) for stage in stages)):
            raise UserError("output must be a torch tensor (N, C, H, W), or a list of some: convert it first.")
        # Each term asks for float32 at least: once for all.
        stages = [stage.float() if stage.dtype in HALVES else stage for stage in stages]
        terms: dict[str, Tensor] = {}
        with ExitStack() as stack:
            for network in self.shared:
                stack.enter_context(network.reading_once())
            for name, loss in self.losses.items():
                with torch.set_grad_enabled(torch.is_grad_enabled() and self.weights[name] != 0):
                    # What a term makes of the target (features, for one) serves all stages.
                    with_target: Any = getattr(loss, "with_target", None)
                    compare = with_target(target) if with_target else partial(loss, target=target)
                    terms[name] = _total([compare(stage) for stage in stages])
        return Terms(terms, self.weights)

    @property
    def backbones(self) -> dict[str, str]:
        """Weight files that terms have loaded, by term, for the record: several files can serve one term."""
        loaded = {name: getattr(loss, "backbone", "") for name, loss in self.losses.items()}
        return {name: backbone for name, backbone in loaded.items() if backbone}


def _total(values: Sequence[Tensor]) -> Tensor:
    """Add up without a 0 to begin with, so that a single value stays the same tensor."""
    total, *others = values
    for other in others:
        total = total + other
    return total
