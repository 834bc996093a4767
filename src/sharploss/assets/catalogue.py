"""The catalogue: every data set and weight file a study can name, read from catalogue.toml beside this file."""

import csv
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

FOLDER = Path(__file__).parent
SCALES = (2, 3, 4)  # what "{scale}" stands for


class File(NamedTuple):
    """One file of an asset."""

    path: str  # relative to the root of the cache and of a mirror, or to the folder that packages are installed in
    sha256: str  # of the content; its first digits, or "", where the publisher gives no more
    bytes: int | None  # None where the publisher does not state it
    urls: tuple[str, ...] = ()  # official addresses, tried in order
    title: str = ""  # what an image shows
    licence: str = ""  # where it differs from file to file, as does the author
    author: str = ""


class Asset(NamedTuple):
    """A data set or a set of weights: `files` one by one, or `archives` that are unpacked into `folder`."""

    kind: Literal["dataset", "weights"]
    role: str  # what it is for
    licence: str  # terms of use as its publisher states them
    citation: str  # who made it
    files: tuple[File, ...] = ()  # in a fixed order; empty where its images come in archives
    package: str = ""  # the installed Python package that ships the files; "" when they are looked up and downloaded
    note: str = ""  # what a user should know
    archives: tuple[File, ...] = ()  # zip or tar files; their paths are where the cache keeps them
    folder: str = ""  # where the images lie once unpacked, relative to the root of the cache and of a mirror
    images: int = 0  # how many `folder` must hold; of pairs, how many pairs
    pairs: tuple[str, str] | None = None  # names of the folders of targets and of inputs within `folder`, at any depth
    inputs: Mapping[int, str] = MappingProxyType({})  # scale -> the asset that holds the inputs its publisher made
    crop: tuple[int, int] | None = None  # (long, short) sides in pixels that every image is cropped to, at top left
    overlaps: Mapping[str, str] = MappingProxyType({})  # asset -> why not to train on one and test on the other
    # Image -> the test set that has the same photograph in another size: left out of training where that set is
    # tested, instead of refusing all of it.
    twins: Mapping[str, str] = MappingProxyType({})


def _read() -> dict[str, Asset]:
    found: dict[str, Asset] = {}
    for name, entry in tomllib.loads((FOLDER / "catalogue.toml").read_text(encoding="utf-8")).items():
        for scale in SCALES if "{scale}" in name else ("",):
            made, text = [json.dumps(part).replace("{scale}", str(scale)) for part in (name, entry)]
            found[json.loads(made)] = _asset(**json.loads(text))
    return found


def _asset(**entry: Any) -> Asset:
    """Build an entry from the file's keys: `list` with `from`, `archive` with `from`, or a single file's own."""
    bases = entry.pop("from", ())
    if "list" in entry:
        entry["files"] = _listed(entry.pop("list"), *bases)
    elif "archive" in entry:
        # Where files/archives.csv has no size and sha256, the checksums within the archive are all there is.
        path = f"archives/{entry.pop('archive')}"
        known = {file.path: file for file in _listed("archives", *bases)}
        entry["archives"] = (known.get(path, File(path, "", None, _urls(path, *bases))),)
    else:
        size, urls = entry.pop("bytes", None), entry.pop("urls", ())
        entry["files"] = (File(entry.pop("path"), entry.pop("sha256"), size, tuple(urls)),)
    for key in {"crop", "pairs"} & entry.keys():
        entry[key] = tuple(entry[key])
    entry["inputs"] = {int(scale): asset for scale, asset in entry.get("inputs", {}).items()}
    return Asset(**entry)


def _listed(name: str, *bases: str) -> tuple[File, ...]:
    """Read files/<name>.csv: path, sha256, bytes, perhaps title, licence, author; `bases` are folders of addresses."""
    with (FOLDER / "files" / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return tuple(
            File(urls=_urls(row["path"], *bases), **{**row, "bytes": int(row["bytes"])})  # pyright: ignore
            for row in csv.DictReader(file)
        )


def _urls(path: str, *bases: str) -> tuple[str, ...]:
    return tuple(f"{base}/{path.rsplit('/', 1)[-1]}" for base in bases)


ASSETS = _read()
