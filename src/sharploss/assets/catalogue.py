"""The catalogue: every data set and weight file a study can name, read from catalogue.toml beside this file."""

import csv
import json
import tomllib
from pathlib import Path
from typing import Any

from sharploss.assets.asset import Asset, File

FOLDER = Path(__file__).parent
SCALES = (2, 3, 4)
"""What "{scale}" stands for."""


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
