"""Losses for image restoration: each a pure function and a thin nn.Module of (output, target), images in [0, 1]."""

from collections.abc import Mapping
from typing import Any

from torch import nn

from sharploss.checks import check_number
from sharploss.construct import construct, defaults
from sharploss.errors import UserError
from sharploss.losses.adversarial import (
    AdversarialLoss,
    LeastSquaresGANLoss,
    RelativisticGANLoss,
    SharpGANLoss,
    VanillaGANLoss,
)
from sharploss.losses.gradient_variance import GradientVarianceLoss
from sharploss.losses.pixel import CharbonnierLoss, L1Loss, L2Loss
from sharploss.losses.second_order_gradient import SecondOrderGradientLoss
from sharploss.losses.sploss import SPLoss
from sharploss.losses.ssim import SSIMLoss
from sharploss.losses.total_variation import TotalVariationLoss
from sharploss.losses.weighted_sum import WeightedSum

__all__ = [
    "TERMS",
    "AdversarialLoss",
    "CharbonnierLoss",
    "GradientVarianceLoss",
    "L1Loss",
    "L2Loss",
    "LeastSquaresGANLoss",
    "RelativisticGANLoss",
    "SPLoss",
    "SSIMLoss",
    "SecondOrderGradientLoss",
    "SharpGANLoss",
    "TotalVariationLoss",
    "VanillaGANLoss",
    "WeightedSum",
    "build_loss",
]

TERMS: dict[str, type[nn.Module]] = {
    "l1": L1Loss,
    "l2": L2Loss,
    "charbonnier": CharbonnierLoss,
    "ssim": SSIMLoss,
    "tv": TotalVariationLoss,
    "gv": GradientVarianceLoss,
    "second_order": SecondOrderGradientLoss,
    "sploss": SPLoss,
    "gan": VanillaGANLoss,
    "lsgan": LeastSquaresGANLoss,
    "ragan": RelativisticGANLoss,
    "sharpgan": SharpGANLoss,
}


def build_loss(spec: Mapping[str, Any]) -> WeightedSum:
    """Build a loss from what params.yaml says of it.

    Args:
        spec: for each term of TERMS its weight, or a mapping of its parameters with an optional `weight` (default 1):
            {"l1": 1, "gv": {"weight": 0.01, "patch": 8}}.

    Raises:
        UserError: no term, an unknown term or parameter (the message names the nearest one), a value that a term
            refuses, a weight that is negative or not a finite number, or only weights of 0.
    """
    if not isinstance(spec, Mapping) or not spec:  # pyright: ignore[reportUnnecessaryIsInstance]
        raise UserError(f"A loss is a mapping of terms to weights, such as {{l1: 1, gv: 0.01}}, not {spec!r}.")
    resolved = {name: _resolve(name, value) for name, value in spec.items()}
    weights = {name: float(parameters.pop("weight")) for name, parameters in resolved.items()}
    if not any(weights.values()):
        raise UserError(f"All terms of the loss have weight 0 ({', '.join(weights)}): give one a weight above 0.")
    losses = {name: construct("loss term", name, TERMS, parameters) for name, parameters in resolved.items()}
    return WeightedSum(losses, weights, {name: {"weight": weights[name], **resolved[name]} for name in resolved})


def _resolve(name: str, value: Any) -> dict[str, Any]:
    """Give a term's weight and parameters, defaults spelt out."""
    known = defaults("loss term", name, TERMS)
    parameters = {"weight": 1, **known, **(value if isinstance(value, Mapping) else {"weight": value})}
    try:
        check_number("weight", parameters["weight"], minimum=0)
    except ValueError as error:
        raise UserError(f"loss term '{name}': {error}.") from None
    return parameters
