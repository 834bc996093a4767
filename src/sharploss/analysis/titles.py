"""What losses, networks and test sets are called where people read: in tables, figures and sentences."""

from __future__ import annotations

from collections import Counter

from sharploss.analysis.measures import ALPHA
from sharploss.config.loss_spec import LossSpec

TERMS = {
    "l1": "L1", "l2": "L2", "charbonnier": "Charbonnier", "ssim": "SSIM", "ms_ssim": "MS-SSIM", "tv": "TV", "gv": "GV",
    "second_order": "2nd order", "sploss": "SPLoss", "edge": "edge", "vgg": "VGG", "texture": "texture",
    "lpips": "LPIPS", "mdf": "MDF", "gan": "GAN", "ragan": "RaGAN", "lsgan": "LSGAN", "sharpgan": "SharpGAN",
}  # fmt: skip

WHOLE = {"esrgan": "ESRGAN", "esrgan_sploss": "ESRGAN with SPLoss", "srgan": "SRGAN", "sharpgan": "SharpGAN"}
"""Losses of many terms that have a name of their own."""

NAMES = {
    "bicubic": "Bicubic", "input": "Input", "set5": "Set5", "set14": "Set14", "b100": "B100", "urban100": "Urban100",
    "live1": "LIVE1", "classic5": "Classic5", "cbsd68": "CBSD68", "edsr": "EDSR", "espcn": "ESPCN", "vdsr": "VDSR",
    "nlsn": "NLSN", "srresnet": "SRResNet", "rrdbnet": "RRDBNet", "mprnet": "MPRNet", "dncnn": "DnCNN", "resg": "ResG",
    "nonbn_resg": "non-BN ResG", "stackedg": "StackedG", "l1": "L1", "l2": "L2",
}  # fmt: skip


def name_title(name: str) -> str:
    """Return the name of a network, test set or input baseline as readers know it; what is not known stays."""
    return NAMES.get(name, name)


def loss_titles(losses: dict[str, LossSpec]) -> dict[str, str]:
    """Name losses by their terms: "L1 + GV", "L1 + 2nd order"; by weights too where that alone tells two of them apart.

    What is still alike, as it differs in some other parameter, has its identifier behind it, the first one excepted.
    """
    short = {loss: _title(loss, spec, weights=False) for loss, spec in losses.items()}
    often, titles = Counter(short.values()), dict[str, str]()
    for loss, spec in losses.items():
        title = _title(loss, spec, weights=True) if often[short[loss]] > 1 else short[loss]
        titles[loss] = f"{title} ({loss})" if title in titles.values() else title
    return titles


def family_title(family: str, titles: dict[str, str]) -> str:
    """Return what a family of losses (`families.LossFamily.name`) is called: its terms, or its only loss's title."""
    terms = " + ".join(TERMS.get(term, term) for term in family.split(" + "))
    return terms if terms != family else titles.get(family, family)


def _title(loss: str, spec: LossSpec, *, weights: bool) -> str:
    if loss in WHOLE:
        return WHOLE[loss]
    parts = list[str]()
    for name, term in spec.terms.items():
        factor = f"{term.weight:g} " if weights and term.weight != 1 else ""
        alpha = term.parameters.get("alpha")
        parts.append(f"{factor}{TERMS.get(name, name)}{'' if alpha is None else f' ({ALPHA} {alpha:g})'}")
    return " + ".join(parts)
