"""The catalogue: every data set and weight file a study can name, with origin, licence and sha256.

Adding an asset is adding an entry to ASSETS.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple


class File(NamedTuple):
    """One file of an asset.

    Attributes:
        path: relative to the root of the cache and of a mirror; for an embedded asset, relative to the folder that
            packages are installed in.
        sha256: of the content, hexadecimal; its first digits where the publisher gives no more.
        bytes: size; None where the publisher does not state it.
        urls: official addresses, tried in order.
        title: what an image shows.
        licence: of this file, where it differs from file to file.
        author: of this file, where it differs from file to file.
    """

    path: str
    sha256: str
    bytes: int | None
    urls: tuple[str, ...] = ()
    title: str = ""
    licence: str = ""
    author: str = ""


class Asset(NamedTuple):
    """A data set or a set of weights.

    Its files are listed one by one (`files`), or come in archives (`archives`) that are unpacked into `folder`.

    Attributes:
        kind: "dataset" or "weights".
        role: what it is for.
        licence: terms of use as its publisher states them.
        citation: who made it.
        files: what it consists of, in a fixed order; empty where its images come in archives.
        package: the installed Python package that ships the files; "" when they are looked up and downloaded.
        note: what a user should know.
        archives: zip or tar files that hold the images; their paths are where the cache keeps them.
        folder: where the images lie once unpacked, relative to the root of the cache and of a mirror.
        count: how many images an unpacked `folder` must hold.
        pairs: names of the folders of targets and of inputs within `folder`, at any depth, of a set that comes in
            pairs.
        inputs: scale -> the asset that holds the inputs its publisher made.
        crop: (long, short) sides in pixels that every image is cropped to, keeping the top left; None: not cropped.
        overlaps: other asset -> why one of the two must not be trained on when the other is tested on.
    """

    kind: Literal["dataset", "weights"]
    role: str
    licence: str
    citation: str
    files: tuple[File, ...] = ()
    package: str = ""
    note: str = ""
    archives: tuple[File, ...] = ()
    folder: str = ""
    count: int = 0
    pairs: tuple[str, str] | None = None
    inputs: Mapping[int, str] = MappingProxyType({})
    crop: tuple[int, int] | None = None
    overlaps: Mapping[str, str] = MappingProxyType({})


_SKIMAGE = "van der Walt et al., scikit-image: image processing in Python, PeerJ 2:e453 (2014)"
_SELFEXSR = "https://raw.githubusercontent.com/jbhuang0604/SelfExSR/8f6dd8c1d20cb7e8792a7177b4f6fd677633f598/data"
_VIDEO_QUALITY = "https://raw.githubusercontent.com/aizvorski/video-quality/21594567d03fb7dfda5b3a070ad0cf6cd3e353e5"

ASSETS: dict[str, Asset] = {
    # Licences and authors are as scikit-image's own documentation of each image states them.
    "skimage_train": Asset(
        kind="dataset",
        role="train",
        licence="as stated for each file",
        citation=_SKIMAGE,
        package="skimage",
        files=(
            File(
                "skimage/data/brick.png",
                "7966caf324f6ba843118d98f7a07746d22f6a343430add0233eca5f6eaaa8fcf",
                106634,
                title="Brick wall",
                licence="CC0 1.0",
                author="CC0Textures (Bricks25), cropped and scaled by the scikit-image team",
            ),
            File(
                "skimage/data/coffee.png",
                "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7",
                466706,
                title="Coffee cup",
                licence="CC0 1.0",
                author="Rachel Michetti, courtesy of Pikolo Espresso Bar",
            ),
            File(
                "skimage/data/grass.png",
                "b6b6022426b38936c43a4ac09635cd78af074e90f42ffa8227ac8b7452d39f89",
                217893,
                title="Grass",
                licence="CC0 1.0",
                author="linolafett (DeviantArt), cropped by the scikit-image team",
            ),
            File(
                "skimage/data/gravel.png",
                "c48615b451bf1e606fbd72c0aa9f8cc0f068ab7111ef7d93bb9b0f2586440c12",
                194247,
                title="Gravel",
                licence="CC0 1.0",
                author="CC0Textures (Gravel04), cropped and scaled by the scikit-image team",
            ),
            File(
                "skimage/data/hubble_deep_field.jpg",
                "3a19c5dd8a927a9334bb1229a6d63711b1c0c767fb27e2286e7c84a3e2c2f5f4",
                527940,
                title="Hubble eXtreme Deep Field",
                licence="public domain",
                author="NASA (HubbleSite)",
            ),
            File(
                "skimage/data/ihc.png",
                "f8dd1aa387ddd1f49d8ad13b50921b237df8e9b262606d258770687b0ef93cef",
                477916,
                title="Colonic glands, immunohistochemical staining",
                licence="no known copyright restrictions",
                author="Center for Microscopy And Molecular Imaging (CMMI)",
            ),
            File(
                "skimage/data/motorcycle_left.png",
                "db18e9c4157617403c3537a6ba355dfeafe9a7eabb6b9b94cb33f6525dd49179",
                644701,
                title="Motorcycle, left view of a stereo pair, a quarter of the size",
                licence="none stated",
                author="Nesic, Westling, Wang, Kitajima, Krathwohl, Scharstein (Middlebury 2014 stereo benchmark)",
            ),
            File(
                "skimage/data/retina.jpg",
                "38a07f36f27f095e818aea7b96d34202c05176d30253c66733f2e00379e9e0e6",
                269564,
                title="Human retina",
                licence="CC0 1.0",
                author="Mikael Häggström (Wikimedia Commons)",
            ),
        ),
    ),
    "skimage_validation": Asset(
        kind="dataset",
        role="validation",
        licence="as stated for each file",
        citation=_SKIMAGE,
        package="skimage",
        files=(
            File(
                "skimage/data/coins.png",
                "f8d773fc9cfa6f4d8e5942dc34d0a0788fcaed2a4fefbbed0aef5398d7ef4cba",
                75825,
                title="Greek coins from Pompeii",
                licence="no known copyright restrictions",
                author="Brooklyn Museum Collection",
            ),
        ),
    ),
    "skimage_test": Asset(
        kind="dataset",
        role="test",
        licence="as stated for each file",
        citation=_SKIMAGE,
        package="skimage",
        files=(
            File(
                "skimage/data/astronaut.png",
                "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
                791555,
                title="Eileen Collins",
                licence="public domain",
                author="NASA",
            ),
            File(
                "skimage/data/camera.png",
                "b0793d2adda0fa6ae899c03989482bff9a42d3d5690fc7e3648f2795d730c23a",
                139512,
                title="A photographer with a camera",
                licence="CC0 1.0",
                author="Lav Varshney",
            ),
            File(
                "skimage/data/chelsea.png",
                "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb",
                240512,
                title="Chelsea the cat",
                licence="CC0 1.0",
                author="Stefan van der Walt",
            ),
            File(
                "skimage/data/rocket.jpg",
                "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c",
                112525,
                title="Launch of DSCOVR on Falcon 9",
                licence="public domain",
                author="SpaceX",
            ),
        ),
    ),
    "set5": Asset(
        kind="dataset",
        role="test",
        licence="none stated",
        citation="Bevilacqua et al., Low-complexity single-image super-resolution, BMVC 2012",
        files=(
            File(
                "datasets/Set5/img_001_SRF_2_HR.png",
                "b7f0633258c4dc1a1ef57f26ef2e2db414b64c170cb7c618730cb2f2aae3c7ed",
                371264,
                urls=(f"{_SELFEXSR}/Set5/image_SRF_2/img_001_SRF_2_HR.png",),
            ),
            File(
                "datasets/Set5/img_002_SRF_2_HR.png",
                "6f9d47ea7f70bc8a98f33d483fc7ffe684e79c9c8398321006ab8093fce5e4ef",
                120453,
                urls=(f"{_SELFEXSR}/Set5/image_SRF_2/img_002_SRF_2_HR.png",),
            ),
            File(
                "datasets/Set5/img_003_SRF_2_HR.png",
                "a58f6334af41127d8de5ea64e36ad174623a689c1bd5c4100aee20738b93a944",
                127529,
                urls=(f"{_SELFEXSR}/Set5/image_SRF_2/img_003_SRF_2_HR.png",),
            ),
            File(
                "datasets/Set5/img_004_SRF_2_HR.png",
                "30bd282537e4660651d5f668252353a66723c301ccba541a699af053269e9eb3",
                113787,
                urls=(f"{_SELFEXSR}/Set5/image_SRF_2/img_004_SRF_2_HR.png",),
            ),
            File(
                "datasets/Set5/img_005_SRF_2_HR.png",
                "653e3aa5cbc70487e38e31260ba2d42588d575e267e23951ea66157adc3285e6",
                118848,
                urls=(f"{_SELFEXSR}/Set5/image_SRF_2/img_005_SRF_2_HR.png",),
            ),
        ),
        note="Ground truth before cropping to a multiple of the scale.",
    ),
    "alexnet": Asset(
        kind="weights",
        role="metric LPIPS (alex)",
        licence="BSD-3-Clause",
        citation="Krizhevsky, One weird trick for parallelizing convolutional neural networks (2014); torchvision",
        files=(
            File(
                "weights/alexnet_features.safetensors",
                "9f97fd313f4da83dbe6bbfbe6effca1241de9edfcd7c53386261ed9697286dd9",
                9879632,
            ),
        ),
        note="The convolutions of alexnet_torchvision alone; on mirrors only.",
    ),
    "alexnet_torchvision": Asset(
        kind="weights",
        role="metric LPIPS (alex)",
        licence="BSD-3-Clause",
        citation="Krizhevsky, One weird trick for parallelizing convolutional neural networks (2014); torchvision",
        files=(
            File(
                "weights/alexnet-owt-7be5be79.pth",
                "7be5be79",
                None,
                urls=("https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",),
            ),
        ),
        note="AlexNet_Weights.IMAGENET1K_V1; torchvision puts the first digits of the sha256 into the name.",
    ),
    "niqe": Asset(
        kind="weights",
        role="metric NIQE",
        licence="as stated in the LIVE release",
        citation="Mittal et al., Making a completely blind image quality analyzer, SPL 20(3), 2013",
        files=(
            File(
                "weights/niqe_modelparameters.mat",
                "fa2aa4d12dd9595c3fb6bf8b4e1a15c79d5d1469238d0901c88dead195be578d",
                8347,
                urls=(f"{_VIDEO_QUALITY}/modelparameters.mat",),
            ),
        ),
    ),
}
