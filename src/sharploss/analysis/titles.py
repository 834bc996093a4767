"""What losses, networks and test sets are called where people read: in tables, figures and sentences."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sharploss.analysis.measures import ALPHA, TIMES
from sharploss.config.loss_spec import LossSpec
from sharploss.config.titles import NAMES

TERM_TITLES = {
    "l1": "L1", "l2": "L2", "charbonnier": "Charbonnier", "ssim": "SSIM", "ms_ssim": "MS-SSIM", "tv": "TV",
    "vgg": "VGG", "lpips": "LPIPS", "gan": "GAN", "ragan": "RaGAN", "lsgan": "LSGAN",
}  # fmt: skip
"""Terms of losses that no paper of the study brought; a term that is in no list keeps its name."""

LOSS_TITLES = {"esrgan": "ESRGAN", "srgan": "SRGAN"}
"""Losses of many terms that have a name of their own, and are no paper's of the study."""


class Titles(NamedTuple):
    """What terms of losses are called, and losses of many terms that have a name of their own."""

    terms: Mapping[str, str] = TERM_TITLES
    losses: Mapping[str, str] = LOSS_TITLES


def name_title(name: str) -> str:
    """Return the name of a network, task, data set or input baseline as readers know it; what is not known stays."""
    scale = re.fullmatch(r"sr_x(\d)", name)
    return f"super-resolution {TIMES}{scale[1]}" if scale else NAMES.get(name, name)


def listed(names: Sequence[str]) -> str:
    """Join names, each as readers know it, with commas and a last "and"."""
    *first, last = map(name_title, names)
    return f"{', '.join(first)} and {last}" if first else last


def loss_titles(losses: Mapping[str, LossSpec], known: Titles) -> dict[str, str]:
    """Name losses by their terms: "L1 + GV", "L1 + SOG"; by weights too where that alone tells two of them apart.

    What is still alike, as it differs in some other parameter, has its identifier behind it, the first one excepted.
    """
    short = {loss: _title(loss, spec, known, weights=False) for loss, spec in losses.items()}
    often, titles = Counter(short.values()), dict[str, str]()
    for loss, spec in losses.items():
        title = _title(loss, spec, known, weights=True) if often[short[loss]] > 1 else short[loss]
        titles[loss] = f"{title} ({loss})" if title in titles.values() else title
    return titles


def _title(loss: str, spec: LossSpec, known: Titles, *, weights: bool) -> str:
    if loss in known.losses:
        return known.losses[loss]
    parts = list[str]()
    for name, term in spec.terms.items():
        factor = f"{term.weight:g} " if weights and term.weight != 1 else ""
        alpha = term.parameters.get("alpha")
        parts.append(f"{factor}{known.terms.get(name, name)}{'' if alpha is None else f' ({ALPHA} {alpha:g})'}")
    return " + ".join(parts)
