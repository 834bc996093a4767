"""What every metric and protocol is called and means, for whatever shows numbers; importable without torch."""

from typing import Literal, TypedDict


class Protocol(TypedDict):
    """How a number was measured."""

    title: str
    description: str


class Metric(TypedDict):
    """What a number says: `direction` tells what is better; "one" means the closer to 1."""

    title: str
    unit: str
    direction: Literal["higher", "lower", "one"]
    decimals: int
    description: str


PROTOCOLS: dict[str, Protocol] = {
    "y": {
        "title": "Y",
        "description": "Output clamped and rounded to 8 bits; luma of BT.601 in studio range (16 to 235), as MATLAB's rgb2ycbcr "
        "gives it before rounding; as many pixels shaved off each border as the scale. SSIM: Gaussian 11x11 window of "
        "standard deviation 1.5, only where it fits into the image. NIQE: the whole image, luma rounded.",
    },
    "rgb": {
        "title": "RGB",
        "description": "As Y, but over the three colour channels: PSNR from their joint mean squared error, SSIM as the mean of the three.",
    },
    "grey": {
        "title": "grey",
        "description": "Output clamped and rounded to 8 bits; grey 0.2989 R + 0.5870 G + 0.1140 B; border shaved as for Y; "
        "Sobel gradients, their unbiased variance in patches of 8x8 pixels, mean over patches and both directions.",
    },
    "alex_v0.1": {
        "title": "Alex v0.1",
        "description": "The lpips package's linear heads v0.1 on AlexNet features; RGB in [-1, 1]; border shaved as for Y.",
    },
}

METRIC_INFO: dict[str, Metric] = {
    "psnr": {
        "title": "PSNR",
        "unit": "dB",
        "direction": "higher",
        "decimals": 2,
        "description": "Peak signal-to-noise ratio: fidelity, pixel by pixel.",
    },
    "ssim": {
        "title": "SSIM",
        "unit": "",
        "direction": "higher",
        "decimals": 4,
        "description": "Structural similarity: fidelity of local structure; 1 is identical.",
    },
    "lpips": {
        "title": "LPIPS",
        "unit": "",
        "direction": "lower",
        "decimals": 4,
        "description": "Distance in the features of a classification network: dissimilarity as people see it.",
    },
    "niqe": {
        "title": "NIQE",
        "unit": "",
        "direction": "lower",
        "decimals": 3,
        "description": "Naturalness of the image alone, without the ground truth; noisy on images of few 96x96 blocks.",
    },
    "gradient_variance_ratio": {
        "title": "Gradient-variance ratio",
        "unit": "",
        "direction": "one",
        "decimals": 3,
        "description": "Local variance of gradients over that of the ground truth: below 1 is blurrier than the truth, above 1 harsher.",
    },
    "blurred_edge_share": {
        "title": "Blurred-edge share",
        "unit": "",
        "direction": "lower",
        "decimals": 3,
        "description": "Share of pixels whose error has the sign of blur (that of the ground truth's Laplacian); 0.5 is chance.",
    },
}
