"""What every metric and protocol is called and means, for whatever shows numbers. Needs no torch."""

from collections.abc import Mapping
from typing import Any, Literal, TypedDict


class Protocol(TypedDict):
    """How a number was measured: in short for headings, part by part, and in a sentence."""

    title: str
    colour: str
    rounding: str
    border: str
    window: str
    description: str


class Metric(TypedDict):
    """What a number says.

    `direction` tells what is better ("one": the closer to 1), `decimals` how many places are worth showing,
    `protocols` which keys of PROTOCOLS it is measured under, `asset` which entry of the catalogue it needs.
    """

    title: str
    unit: str
    direction: Literal["higher", "lower", "one"]
    decimals: int
    protocols: tuple[str, ...]
    asset: str | None
    description: str


PROTOCOLS: dict[str, Protocol] = {
    "y": {
        "title": "Y",
        "colour": "Y of YCbCr, BT.601 in studio range (16 to 235), as MATLAB's rgb2ycbcr",
        "rounding": "RGB clamped and rounded to 8 bits, then luma rounded to 8 bits",
        "border": "as many pixels as the scale; none where the task keeps the size",
        "window": "SSIM: 11x11 Gaussian of standard deviation 1.5, only where it fits; NIQE: blocks of 96x96",
        "description": "Luma of the 8-bit image (BT.601 in studio range, 16 to 235), rounded to 8 bits as MATLAB's "
        "rgb2ycbcr rounds it; as many pixels shaved off each side as the scale (none where the size is kept); SSIM "
        "with a Gaussian window of 11x11 and standard deviation 1.5, only where it fits.",
    },
    "rgb": {
        "title": "RGB",
        "colour": "R, G and B, each for itself, then their mean",
        "rounding": "RGB clamped and rounded to 8 bits",
        "border": "as many pixels as the scale",
        "window": "SSIM: 11x11 Gaussian of standard deviation 1.5, only where it fits",
        "description": "The three channels of the 8-bit image: PSNR from their joint mean squared error, the others as "
        "the mean over channels; as many pixels shaved off each side as the scale.",
    },
    "grey": {
        "title": "grey",
        "colour": "0.2989 R + 0.5870 G + 0.1140 B",
        "rounding": "RGB clamped and rounded to 8 bits, grey not rounded",
        "border": "as many pixels as the scale",
        "window": "patches of 8x8, side by side",
        "description": "Grey version of the 8-bit image (0.2989 R + 0.5870 G + 0.1140 B), as many pixels shaved off "
        "each side as the scale; Sobel gradients, their unbiased variance in patches of 8x8 pixels.",
    },
    "grey8": {
        "title": "grey 8-bit",
        "colour": "0.2989 R + 0.5870 G + 0.1140 B: the values themselves where the image is grey",
        "rounding": "RGB clamped and rounded to 8 bits, then grey rounded to 8 bits",
        "border": "none: tasks measured so keep the size",
        "window": "SSIM: 11x11 Gaussian of standard deviation 1.5, only where it fits",
        "description": "Grey values of 0 to 255, as papers on JPEG and grey denoising measure their test images. "
        "Luma in studio range would squeeze the same errors by 219/255 and give 1.3 dB more.",
    },
    "alex_v0.1": {
        "title": "Alex v0.1",
        "colour": "RGB, scaled to [-1, 1]",
        "rounding": "RGB clamped and rounded to 8 bits",
        "border": "none",
        "window": "the receptive fields of AlexNet",
        "description": "AlexNet with the linear layers of the lpips package, version 0.1, on the whole 8-bit RGB image "
        "in [-1, 1].",
    },
}

METRIC_INFO: dict[str, Metric] = {
    "psnr": {
        "title": "PSNR",
        "unit": "dB",
        "direction": "higher",
        "decimals": 2,
        "protocols": ("y", "rgb"),
        "asset": None,
        "description": "Peak signal-to-noise ratio: fidelity, pixel by pixel.",
    },
    "ssim": {
        "title": "SSIM",
        "unit": "",
        "direction": "higher",
        "decimals": 4,
        "protocols": ("y", "rgb"),
        "asset": None,
        "description": "Structural similarity: fidelity of local brightness, contrast and structure; 1 is identical.",
    },
    "lpips": {
        "title": "LPIPS",
        "unit": "",
        "direction": "lower",
        "decimals": 4,
        "protocols": ("alex_v0.1",),
        "asset": "alexnet",
        "description": "Distance in the features of a classification network, weighted to match human judgement: "
        "dissimilarity as people see it.",
    },
    "niqe": {
        "title": "NIQE",
        "unit": "",
        "direction": "lower",
        "decimals": 3,
        "protocols": ("y",),
        "asset": "niqe",
        "description": "Distance from the statistics of undistorted photographs, without the ground truth; noisy on "
        "images of few 96x96 blocks, as those of Set5.",
    },
    "gradient_variance_ratio": {
        "title": "Gradient-variance ratio",
        "unit": "",
        "direction": "one",
        "decimals": 3,
        "protocols": ("grey",),
        "asset": None,
        "description": "Local variance of gradients over that of the ground truth: below 1 is blurrier than the truth, "
        "above 1 harsher.",
    },
    "blurred_edge_share": {
        "title": "Blurred-edge share",
        "unit": "",
        "direction": "lower",
        "decimals": 3,
        "protocols": ("rgb",),
        "asset": None,
        "description": "Share of the wrong pixels that err towards blur (the error has the sign of the ground truth's "
        "Laplacian); 0.5 is chance.",
    },
}


def protocols_of(metric: str, task: Mapping[str, Any]) -> tuple[str, ...]:
    """Give the protocols of a metric on a task's images; grey tasks have one of their own for PSNR and SSIM."""
    known = METRIC_INFO[metric]["protocols"]
    return ("grey8",) if task.get("colour") == "grey" and "y" in known and metric != "niqe" else known


MAIN = ("y", "grey8")
"""The protocols whose PSNR stands for fidelity in figures and headlines; a task is measured under one of them."""

REFERENCES = ("bicubic", "input")
"""What a task's unrestored images are called where losses are named: enlarged by bicubic, or as they come."""


def reference_of(task: Mapping[str, Any]) -> str:
    """Name a task's unrestored images."""
    return REFERENCES[0] if int(task["scale"]) > 1 else REFERENCES[1]
