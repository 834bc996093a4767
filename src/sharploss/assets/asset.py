"""What the catalogue says of an asset and of each of its files."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, NamedTuple


class File(NamedTuple):
    """One file of an asset.

    Attributes:
        path: relative to the root of the cache and of a mirror; for an embedded asset, relative to the folder that
            packages are installed in.
        sha256: of the content, hexadecimal; its first digits where the publisher gives no more; "" where it is not
            known.
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
        images: how many images an unpacked `folder` must hold.
        pairs: names of the folders of targets and of inputs within `folder`, at any depth, of a set that comes in
            pairs.
        inputs: scale -> the asset that holds the inputs its publisher made.
        crop: (long, short) sides in pixels that every image is cropped to, keeping the top left; None: not cropped.
        twins: image -> the test set that has the same photograph in another size: a single image, which is left out of
            training where that set is tested, instead of refusing all of it.
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
    images: int = 0
    pairs: tuple[str, str] | None = None
    inputs: Mapping[int, str] = MappingProxyType({})
    crop: tuple[int, int] | None = None
    overlaps: Mapping[str, str] = MappingProxyType({})
    twins: Mapping[str, str] = MappingProxyType({})
