"""What every metric and protocol is called and means, for whatever shows numbers. Needs no torch."""

from typing import Literal, TypedDict

from sharploss.config.tasks import Denoise, Jpeg, Task


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
    "gv_code": {
        "title": "GV code",
        "colour": "PSNR: RGB; SSIM: luma without offset (65.738 R + 129.057 G + 25.064 B) / 256",
        "rounding": "RGB clamped and rounded to 8 bits (the code itself does neither), luma not rounded",
        "border": "PSNR: none; SSIM: 2 pixels, whatever the scale",
        "window": "SSIM: 11x11 Gaussian of standard deviation 1.5, the image mirrored beyond its edges",
        "description": "What the released code of the GV loss computes: PSNR of RGB without any border; SSIM of luma "
        "without offset, 2 pixels shaved at every scale, a Gaussian window of 11x11 at every pixel, the image mirrored "
        "beyond its edges. Here restored images are clamped and rounded to 8 bits first, as files are; that code "
        "measures its network's output as it comes.",
    },
    "matlab_rgb": {
        "title": "MATLAB RGB",
        "colour": "R, G and B; SSIM takes them for three slices of a volume",
        "rounding": "RGB clamped and rounded to 8 bits",
        "border": "none",
        "window": "SSIM: 11x11x11 Gaussian of standard deviation 1.5, outermost values repeated beyond the edges",
        "description": "What MATLAB's psnr and ssim give for RGB images, as MPRNet's deblurring is measured: no "
        "border; ssim takes the three channels for slices of a volume and blurs across them too, which gives "
        "higher values.",
    },
    "lab": {
        "title": "Lab",
        "colour": "CIELAB (D65) of the mean light of each area",
        "rounding": "RGB clamped and rounded to 8 bits",
        "border": "as many pixels as the scale",
        "window": "areas of 16x16 pixels, side by side",
        "description": "Mean linear light of areas of 16x16 pixels of the 8-bit image, in CIELAB (D65, 2 degrees); "
        "the CIE 1976 difference, averaged over areas; as many pixels shaved off each side as the scale.",
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
    "vgg_v0.1": {
        "title": "VGG v0.1",
        "colour": "RGB, scaled to [-1, 1]",
        "rounding": "RGB clamped and rounded to 8 bits",
        "border": "none",
        "window": "the receptive fields of VGG-16",
        "description": "VGG-16 with the linear layers of the lpips package, version 0.1, on the whole 8-bit RGB image "
        "in [-1, 1].",
    },
    "inception_p128": {
        "title": "Inception, patches of 128",
        "colour": "RGB, scaled to [-1, 1]",
        "rounding": "RGB clamped and rounded to 8 bits",
        "border": "none",
        "window": "patches of 128x128, 64 pixels from one to the next, enlarged to 299x299",
        "description": "The 2048 features of TensorFlow's Inception of 2015 of all patches of 128x128 pixels, 64 "
        "pixels from one to the next, of a whole test set. With few patches it is biased upwards: it ranks runs on the "
        "same patches and is comparable with no other number.",
    },
}

METRIC_INFO: dict[str, Metric] = {
    "psnr": {
        "title": "PSNR",
        "unit": "dB",
        "direction": "higher",
        "decimals": 2,
        "protocols": ("y", "rgb", "gv_code", "matlab_rgb"),
        "asset": None,
        "description": "Peak signal-to-noise ratio: fidelity, pixel by pixel.",
    },
    "ssim": {
        "title": "SSIM",
        "unit": "",
        "direction": "higher",
        "decimals": 4,
        "protocols": ("y", "rgb", "gv_code", "matlab_rgb"),
        "asset": None,
        "description": "Structural similarity: fidelity of local brightness, contrast and structure; 1 is identical.",
    },
    "ms_ssim": {
        "title": "MS-SSIM",
        "unit": "",
        "direction": "higher",
        "decimals": 4,
        "protocols": ("y",),
        "asset": None,
        "description": "Structural similarity at five scales, each half the one before; 1 is identical. Needs 161 "
        "pixels a side inside the border.",
    },
    "edge_psnr": {
        "title": "Edge PSNR",
        "unit": "dB",
        "direction": "higher",
        "decimals": 2,
        "protocols": ("y",),
        "asset": None,
        "description": "PSNR over the tenth of the pixels at which the ground truth's gradients (Sobel) are largest: "
        "fidelity of edges alone.",
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
    "lpips_vgg": {
        "title": "LPIPS (VGG)",
        "unit": "",
        "direction": "lower",
        "decimals": 4,
        "protocols": ("vgg_v0.1",),
        "asset": "vgg16_torchvision",
        "description": "LPIPS with VGG-16, which its authors call closer to a loss than to a metric. Measured only "
        "where its weights (528 MB) are here already.",
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
    "overshoot": {
        "title": "Overshoot",
        "unit": "levels",
        "direction": "lower",
        "decimals": 3,
        "protocols": ("y",),
        "asset": None,
        "description": "How far, on average over all pixels and in 8-bit levels, the image goes above the largest or "
        "below the smallest value that the ground truth has within 5x5 pixels: halos of too much sharpening. Blur has "
        "none.",
    },
    "colour_shift": {
        "title": "Colour shift",
        "unit": "",
        "direction": "lower",
        "decimals": 3,
        "protocols": ("lab",),
        "asset": None,
        "description": "Mean CIELAB difference between the mean colours of areas of 16x16 pixels, which neither blur "
        "nor texture changes; about 2.3 can just be seen.",
    },
    "fid": {
        "title": "FID",
        "unit": "",
        "direction": "lower",
        "decimals": 2,
        "protocols": ("inception_p128",),
        "asset": "inception_fid",
        "description": "Distance between the network features of all patches of a test set's restored images and of "
        "the ground truth's: one number a set, so without an interval over images. Biased upwards by few patches; "
        "measured only where its weights are here already.",
    },
}

WHOLE_SET = "*"
"""What stands for the image's name in rows of scores that are of a whole test set: no image, and nothing to pair."""

ONLY_ENLARGED, ONLY_SAME_SIZE = "gv_code", "matlab_rgb"
"""Protocols of papers on super-resolution, and of papers on tasks that keep the size: measured on such tasks alone."""


def protocols_of(metric: str, task: Task) -> tuple[str, ...]:
    """Return the protocols of a metric on a task's images; grey tasks have one of their own for what is of luma."""
    known = METRIC_INFO[metric]["protocols"]
    if isinstance(task, Denoise | Jpeg) and task.colour == "grey" and "y" in known and metric != "niqe":
        return ("grey8",)
    foreign = ONLY_SAME_SIZE if task.scale > 1 else ONLY_ENLARGED
    return tuple(name for name in known if name != foreign)


MAIN = ("y", "grey8")
"""The protocols whose PSNR stands for fidelity in figures and headlines; a task is measured under one of them."""

REFERENCES = ("bicubic", "input")
"""What a task's input baseline is called where losses are named: inputs enlarged by bicubic, or as they come."""


def reference_of(scale: int) -> str:
    """Return what the input baseline of a task of this scale is called."""
    return REFERENCES[0] if scale > 1 else REFERENCES[1]
