"""Losses for image restoration: modules of (output, target), images in [0, 1], to a scalar.

A parameter that is unknown or out of range raises ValueError, which names it and, of names, the nearest that is known.
So do images that are no pair, or are smaller than the loss's `min_size`.
"""

import copy
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from sharploss.config.loss_spec import LossSpec, Term, parse_loss
from sharploss.functional.image_loss import PretrainedLoss
from sharploss.losses.adversarial import AdversarialLoss as AdversarialLoss
from sharploss.losses.adversarial import LeastSquaresGANLoss, RelativisticGANLoss, SharpGANLoss, VanillaGANLoss
from sharploss.losses.edge import EdgeLoss
from sharploss.losses.gradient_variance import GradientVarianceLoss
from sharploss.losses.lpips import LPIPSLoss
from sharploss.losses.pixel import CharbonnierLoss, L1Loss, L2Loss, TotalVariationLoss
from sharploss.losses.second_order_gradient import SecondOrderGradientLoss
from sharploss.losses.sploss import SPLoss
from sharploss.losses.ssim import MSSSIMLoss, SSIMLoss
from sharploss.losses.texture import TextureLoss
from sharploss.losses.vgg import VGGLoss
from sharploss.losses.vgg_features import shared_backbones
from sharploss.losses.weighted_sum import WeightedSum
from sharploss.mdf.loss import MDFLoss
from sharploss.utils.registry import construct, defaults

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
    "ms_ssim": MSSSIMLoss,
    "edge": EdgeLoss,
    "vgg": VGGLoss,
    "texture": TextureLoss,
    "lpips": LPIPSLoss,
    "mdf": MDFLoss,
}


def build_loss(spec: Mapping[str, Any] | LossSpec) -> WeightedSum:
    """Build a loss from what params.yaml says of it, with the weights its terms need.

    For each term of TERMS `spec` has its weight, or a mapping of its parameters with an optional `weight` (default 1):
    {"l1": 1, "gv": {"weight": 0.01, "patch": 8}}.

    Raises:
        UserError: no term, an unknown term or parameter (the message names the nearest one), a value that a term
            refuses, a weight that is negative or not a finite number, or only weights of 0.
        AssetMissingError: a term's weights cannot be had; the message says what to download and where to put it.

    >>> image = torch.linspace(0, 1, 16).square().expand(1, 3, 16, 16)
    >>> loss = build_loss({"l1": 1, "gv": 0.01})
    >>> sorted(loss.terms(image / 2, image))
    ['gv', 'l1']
    """
    loss = _assemble(_with_defaults(spec))
    for term in loss.losses.values():
        if isinstance(term, PretrainedLoss):
            term.load()
    loss.shared = shared_backbones(loss.losses.values())
    return loss


def resolve_loss(spec: Mapping[str, Any] | LossSpec) -> LossSpec:
    """Check what params.yaml says of a loss, as `build_loss` does, and spell out the defaults, without weights."""
    loss = _with_defaults(spec)
    _check(loss)
    return loss


def required_assets(spec: Mapping[str, Any] | LossSpec) -> tuple[tuple[str, ...], ...]:
    """Return the names of the catalogue's assets that a loss reads its weights from, without looking for them.

    For each term that needs weights they are those it can do with, the best first (`sharploss.assets.choose`).
    """
    terms = _check(_with_defaults(spec)).losses.values()
    return tuple(dict.fromkeys(term.assets for term in terms if isinstance(term, PretrainedLoss) and term.assets))


def min_patch(spec: Mapping[str, Any] | LossSpec) -> int:
    """Return the side in pixels of the smallest images that every term of a loss can compare; 1 where all will do."""
    return max(int(getattr(term, "min_size", 1)) for term in _check(_with_defaults(spec)).losses.values())


def _with_defaults(spec: Mapping[str, Any] | LossSpec) -> LossSpec:
    terms: dict[str, Term] = {}
    for name, term in parse_loss(spec).terms.items():
        parameters = {**defaults("loss term", name, TERMS), **term.parameters}
        # Lists, as a file has them: a spec must be the same after it was written and read.
        plain = {key: list(value) if isinstance(value, tuple) else value for key, value in parameters.items()}
        # A copy: parameters can be mappings themselves, and neither the caller's nor a default may change with ours.
        terms[name] = Term(weight=term.weight, **copy.deepcopy(plain))
    return LossSpec(terms)


def _check(loss: LossSpec) -> WeightedSum:
    """Make the terms on torch's meta device: a discriminator is not worth initialising to look at it."""
    with torch.device("meta"):
        return _assemble(loss)


def _assemble(loss: LossSpec) -> WeightedSum:
    """Make the terms and check their parameters; nothing is read from a file."""
    terms = {name: construct("loss term", name, TERMS, term.parameters) for name, term in loss.terms.items()}
    return WeightedSum(terms, loss.weights, loss)
