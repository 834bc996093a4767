"""The catalogue: every data set and weight file a study can name, with origin, licence and sha256.

Adding an asset is adding an entry to ASSETS, or of weights to WEIGHTS; a long list of files is a csv file in `files/`.
"""

import csv
from pathlib import Path
from types import MappingProxyType

from sharploss.assets.asset import Asset, File
from sharploss.assets.weight_files import WEIGHTS


def _listed(name: str, base: str = "") -> tuple[File, ...]:
    """Read files/<name>.csv: path, sha256, bytes, perhaps title, licence, author; `base` is the folder of the URLs."""
    with (Path(__file__).parent / "files" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return tuple(_file(row, base) for row in csv.DictReader(file))


def _file(row: dict[str, str], base: str) -> File:
    about = {key: row[key] for key in ("title", "licence", "author") if key in row}
    urls = (f"{base}/{row['path'].rsplit('/', 1)[-1]}",) if base else ()
    return File(row["path"], row["sha256"], int(row["bytes"]), urls, **about)


def _archive(name: str, *bases: str) -> tuple[File, ...]:
    """Return an archive; where files/archives.csv has no size and sha256, the checksums within it are all there is."""
    urls = tuple(f"{base}/{name}" for base in bases)
    known = {file.path: file for file in _listed("archives")}
    return (known.get(f"archives/{name}", File(f"archives/{name}", "", None))._replace(urls=urls),)


_SKIMAGE = "van der Walt et al., scikit-image: image processing in Python, PeerJ 2:e453 (2014)"
_RAW = "https://raw.githubusercontent.com"
_SELFEXSR = f"{_RAW}/jbhuang0604/SelfExSR/8f6dd8c1d20cb7e8792a7177b4f6fd677633f598/data"
_BSDS500 = f"{_RAW}/BIDS/BSDS500/a04b7c6c3a9f0ace74bf205c72a43d32e1c72722/BSDS500/data/images"
_DNCNN = f"{_RAW}/cszn/DnCNN/e93b27812d3ff523a3a79d19e5e50d233d7a8d0a/testsets"
_DCSCN = f"{_RAW}/jiny2001/dcscn-super-resolution/d382bc30d41c94ac72f8cb148d61cc4864b3b380/data"
_CBSD68 = f"{_RAW}/clausmichele/CBSD68-dataset/51a07a95884ac7c8bdd5d1614f9da781adc3c4a0/CBSD68/original_png"
_LPIPS_EXAMPLES = f"{_RAW}/richzhang/PerceptualSimilarity/082bb24f84c091ea94de2867d34c4544f68e0963/imgs"
_DIV2K = ("https://data.vision.ee.ethz.ch/cvl/DIV2K", "http://data.vision.ee.ethz.ch/cvl/DIV2K")
_GOPRO = "https://huggingface.co/datasets/snah/GOPRO_Large/resolve/main"

_MARTIN = "Arbelaez et al., Contour detection and hierarchical image segmentation, TPAMI 33(5), 2011"
_BSDS_TERMS = "non-commercial research and education"
_DIV2K_PAPER = "Agustsson and Timofte, NTIRE 2017 challenge on single image super-resolution, CVPRW 2017"
_DIV2K_TERMS = "academic research only"
_NAH = "Nah et al., Deep multi-scale convolutional neural network for dynamic scene deblurring, CVPR 2017"
_LPIPS = "Zhang et al., The unreasonable effectiveness of deep features as a perceptual metric, CVPR 2018"


def _skimage(part: str) -> Asset:
    """Photographs that scikit-image ships; licences and authors are as its documentation of each image states them."""
    return Asset(
        "dataset", part, "as stated for each file", _SKIMAGE, files=_listed(f"skimage_{part}"), package="skimage"
    )


def _bsds500(part: str) -> Asset:
    return Asset(
        kind="dataset",
        role="train",
        licence=_BSDS_TERMS,
        citation=_MARTIN,
        files=_listed(f"bsds500_{part}", f"{_BSDS500}/{part}"),
        note=f"The {part} part of BSDS500, 200 JPEG files"
        + ("; alone it is known as BSD200." if part == "train" else "."),
        # Found by comparing thumbnails of all sets of the mirror: 302003 is Set5's woman (img_005).
        twins=MappingProxyType({"302003": "set5"} if part == "train" else {}),
    )


def _div2k(part: str, images: int) -> Asset:
    return Asset(
        kind="dataset",
        role="train" if part == "train" else "validation or test",
        licence=_DIV2K_TERMS,
        citation=_DIV2K_PAPER,
        archives=_archive(f"DIV2K_{part}_HR.zip", *_DIV2K),
        folder=f"datasets/DIV2K/DIV2K_{part}_HR",
        images=images,
        inputs=MappingProxyType({scale: f"div2k_{part}_lr_x{scale}" for scale in (2, 3, 4)}),
    )


def _div2k_lr(part: str, images: int, scale: int) -> Asset:
    return Asset(
        kind="dataset",
        role=f"published inputs of div2k_{part} (MATLAB bicubic, x{scale})",
        licence=_DIV2K_TERMS,
        citation=_DIV2K_PAPER,
        archives=_archive(f"DIV2K_{part}_LR_bicubic_X{scale}.zip", *_DIV2K),
        folder=f"datasets/DIV2K/DIV2K_{part}_LR_bicubic_X{scale}",
        images=images,
        overlaps=MappingProxyType({f"div2k_{part}": f"they are the same scenes as div2k_{part}"}),
    )


def _gopro(part: str, pairs: int) -> Asset:
    return Asset(
        kind="dataset",
        role=part,
        licence="CC BY 4.0",
        citation=_NAH,
        archives=_archive("GOPRO_Large.zip", _GOPRO),
        folder=f"datasets/GOPRO_Large/{part}",
        images=pairs,
        pairs=("sharp", "blur"),
        note="Pairs of `sharp` and `blur`, not `blur_gamma`, as MPRNet uses them. One archive of some 9 GB.",
    )


def _set5_lr(scale: int) -> Asset:
    return Asset(
        kind="dataset",
        role=f"published inputs of set5 (MATLAB imresize, x{scale}), against which ours are checked",
        licence="none stated",
        citation="Huang et al., Single image super-resolution from transformed self-exemplars, CVPR 2015",
        files=_listed(f"set5_matlab_lr_x{scale}", f"{_SELFEXSR}/Set5/image_SRF_{scale}"),
        overlaps=MappingProxyType({"set5": "they are the same scenes as set5"}),
    )


_OVERLAP_VAL = "its 68 images are of BSDS500's val part, which is B100"
_SET14_CLASSIC5 = "baboon, barbara, lena and peppers are in both, in grey in classic5"

ASSETS: dict[str, Asset] = {
    "skimage_train": _skimage("train"),
    "skimage_validation": _skimage("validation"),
    "skimage_test": _skimage("test"),
    "set5": Asset(
        kind="dataset",
        role="test",
        licence="none stated",
        citation="Bevilacqua et al., Low-complexity single-image super-resolution, BMVC 2012",
        files=_listed("set5", f"{_SELFEXSR}/Set5/image_SRF_2"),
        note="Ground truth before cropping to a multiple of the scale.",
        inputs=MappingProxyType({scale: f"set5_matlab_lr_x{scale}" for scale in (2, 3, 4)}),
        overlaps=MappingProxyType({"set14": "Set5's head is Set14's face"}),
    ),
    **{f"set5_matlab_lr_x{scale}": _set5_lr(scale) for scale in (2, 3, 4)},
    "set14": Asset(
        kind="dataset",
        role="test",
        licence="none stated",
        citation="Zeyde et al., On single image scale-up using sparse-representations, Curves and Surfaces 2010",
        files=_listed("set14", f"{_DNCNN}/Set14"),
        note="Ground truth before cropping. bridge is grey: published numbers measure its grey values as luma.",
        overlaps=MappingProxyType({"classic5": _SET14_CLASSIC5, "live1": "monarch is in both"}),
    ),
    "b100": Asset(
        kind="dataset",
        role="test",
        licence=_BSDS_TERMS,
        citation="Martin et al., A database of human segmented natural images, ICCV 2001; BSDS500: " + _MARTIN,
        files=_listed("b100", f"{_BSDS500}/val"),
        crop=(480, 320),
        note="B100 (BSD100) is the val part of BSDS500, 100 JPEG files, cropped to 480x320: never train on it.",
        overlaps=MappingProxyType({"cbsd68": _OVERLAP_VAL}),
    ),
    "urban100": Asset(
        kind="dataset",
        role="test",
        licence="none stated",
        citation="Huang et al., Single image super-resolution from transformed self-exemplars, CVPR 2015",
        files=_listed("urban100", f"{_SELFEXSR}/Urban100/image_SRF_4"),
        note="Ground truth of 1024 pixels on the long side; the folder image_SRF_2 beside it is half that size.",
    ),
    "bsds500_train": _bsds500("train"),
    "bsds500_test": _bsds500("test"),
    "t91": Asset(
        kind="dataset",
        role="train",
        licence="none stated",
        citation="Yang et al., Image super-resolution via sparse representation, TIP 19(11), 2010",
        files=_listed("t91", f"{_DCSCN}/yang91"),
        note="With bsds500_train these are the 291 images that VDSR was trained on.",
    ),
    "div2k_train": _div2k("train", 800),
    "div2k_valid": _div2k("valid", 100),
    **{f"div2k_train_lr_x{scale}": _div2k_lr("train", 800, scale) for scale in (2, 3, 4)},
    **{f"div2k_valid_lr_x{scale}": _div2k_lr("valid", 100, scale) for scale in (2, 3, 4)},
    "flickr2k": Asset(
        kind="dataset",
        role="train",
        licence="as the photographers on Flickr state",
        citation="Lim et al., Enhanced deep residual networks for single image super-resolution, CVPRW 2017",
        archives=_archive("Flickr2K.tar", "https://cv.snu.ac.kr/research/EDSR", "http://cv.snu.ac.kr/research/EDSR"),
        folder="datasets/Flickr2K/Flickr2K_HR",
        images=2650,
    ),
    "gopro_train": _gopro("train", 2103),
    "gopro_test": _gopro("test", 1111),
    "live1": Asset(
        kind="dataset",
        role="test (JPEG)",
        licence="as stated in the LIVE release",
        citation="Sheikh et al., LIVE image quality assessment database release 2, UT Austin",
        files=_listed("live1", f"{_DNCNN}/LIVE1"),
        note="Measured on luma. 19 of the 29 are also in Kodak24, monarch is also in Set14.",
        twins=MappingProxyType({"monarch": "set14"}),
    ),
    "classic5": Asset(
        kind="dataset",
        role="test (JPEG, grey)",
        licence="none stated",
        citation="Foi et al., Pointwise shape-adaptive DCT for grayscale and color images, TIP 16(5), 2007",
        files=_listed("classic5", f"{_DNCNN}/classic5"),
    ),
    "cbsd68": Asset(
        kind="dataset",
        role="test (denoising)",
        licence=_BSDS_TERMS,
        citation="Roth and Black, Fields of experts, IJCV 82(2), 2009, after Martin et al. 2001",
        files=_listed("cbsd68", _CBSD68),
        note="Decoded from the JPEG files of 68 images of b100, which that repository also holds, byte for byte.",
    ),
    "lpips_examples": Asset(
        kind="dataset",
        role="check of metric LPIPS",
        licence="BSD-2-Clause",
        citation=_LPIPS,
        files=_listed("lpips_examples", _LPIPS_EXAMPLES),
        note="Its authors' README gives the distances of p0 and p1 from ref: 0.722 and 0.138.",
    ),
    **WEIGHTS,
}
