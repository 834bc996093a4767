"""`python -m sharploss data`: what the catalogue knows, what is here, and whether it is intact."""

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from sharploss.assets.catalogue import ASSETS, Asset, File
from sharploss.assets.fetch import locate
from sharploss.assets.lookup import expected, fault, images_below, present, roots
from sharploss.utils.command import make_parser
from sharploss.utils.errors import UserError, unknown
from sharploss.utils.optional import progress_bar

DESCRIPTION = """Data sets and weights: what is known, what is here, fetching and verifying.

Files are looked for in installed packages, in the cache (SHARPLOSS_CACHE), in a mirror (SHARPLOSS_MIRROR, a folder
that is only read), and then at their official addresses (not with SHARPLOSS_OFFLINE=1).

  python -m sharploss data                        what is known, its size, licence, and where it is
  python -m sharploss data list -v set5           with citation, addresses and notes
  python -m sharploss data fetch set5 div2k_train download what is not here
  python -m sharploss data verify                 compare all that is here with its sha256
  python -m sharploss data verify set5            the same, and set5 must be here

All names that a command takes are in the first column of the list.
"""


def main(arguments: list[str]) -> int:
    """Run the command with these arguments and return its exit code."""
    parser = make_parser("data", DESCRIPTION)
    parser.add_argument("command", nargs="?", default="list", choices=("list", "fetch", "verify"), help="default: list")
    parser.add_argument("-v", "--verbose", action="store_true", help="list citation, addresses and notes, too")
    parser.add_argument("names", nargs="*", metavar="NAME", help="of data sets or weights")
    asked = parser.parse_intermixed_args(arguments)
    for name in asked.names:
        if name not in ASSETS:
            raise unknown("data set or weights", name, ASSETS)
    if asked.command == "fetch" and not asked.names:
        parser.error("fetch needs the names of what to fetch")
    if asked.command == "fetch":
        return fetch(asked.names)
    if asked.command == "verify":
        return verify(asked.names or list(ASSETS), asked=bool(asked.names))
    show(asked.names or list(ASSETS), asked.verbose)
    return 0


def show(names: Sequence[str], verbose: bool) -> None:
    """Print the table of what is known; with `verbose` the rest of each entry too."""
    rows = {"name": ("name", "role", "files", "size", "licence", "where")}
    for name in names:
        asset = ASSETS[name]
        count = asset.images if asset.archives else len(asset.files)
        rows[name] = (name, asset.role, str(count), size(asset), asset.licence, where(name))
    widths = [max(map(len, column)) for column in zip(*rows.values(), strict=True)]
    for name, row in rows.items():
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
        for line in details(ASSETS[name]) if verbose and name in ASSETS else ():
            print(f"    {line}")


def size(asset: Asset) -> str:
    """Return an asset's size in words, "unknown" where its publisher does not state it."""
    known = [file.bytes for file in (*asset.files, *asset.archives)]
    total = sum(byte for byte in known if byte is not None)
    if not known or None in known:
        return "unknown"
    return f"{total / 1e6:.1f} MB" if total >= 1e5 else f"{total / 1e3:.1f} kB"


def where(name: str) -> str:
    """Return where an asset is, in words, without looking into its files."""
    asset, paths = ASSETS[name], present(name)
    if paths is None:
        downloadable = all(file.urls for file in (*asset.files, *asset.archives))
        return "not here, can be fetched" if downloadable else "not here, has no address: use a mirror"
    if asset.package:
        return f"package {asset.package}"
    parts = zip(("cache", "mirror"), roots(), strict=False)
    return " and ".join(part for part, root in parts if any(path.is_relative_to(root) for path in paths))


def details(asset: Asset) -> list[str]:
    """Return an entry's citation, addresses, note and overlaps, a line each."""
    files = [*asset.files, *asset.archives]
    more = f"and {len(files) - 1} more files" if len(files) > 1 else ""
    lines = [asset.citation, *files[0].urls, more, asset.note]
    return [line for line in lines if line] + [f"overlaps with {other}: {why}" for other, why in asset.overlaps.items()]


def fetch(names: Iterable[str]) -> int:
    """Download assets; go on with the others when one fails, and return 1 then."""
    failed = 0
    for name in names:
        try:
            paths = locate(name)
            print(f"{name}: {len(paths)} files in {paths[0].parent}")
        except UserError as error:
            failed = 1
            print(f"error: {error}", file=sys.stderr)
    return failed


def verify(names: Sequence[str], *, asked: bool = True) -> int:
    """Compare all that is here, and must be where it was `asked` for, with the catalogue; return 1 when it differs."""
    jobs = [job for name in names for job in _files(name)]
    wrong = [lack for name in names if (lack := _lacking(name, asked=asked))]
    for path, file in progress_bar(jobs, desc="verify", unit="file", leave=False):
        if found := fault(path, file):
            wrong.append(f"{path} has {found}: replace it with the right file or delete it.")
    for line in wrong:
        print(f"error: {line}", file=sys.stderr)
    print(f"{len(jobs)} files looked at, {len(wrong) or 'nothing'} wrong")
    return 1 if wrong else 0


def _files(name: str) -> list[tuple[Path, File]]:
    """List the files and archives of an asset that are here, with what they should be."""
    asset = ASSETS[name]
    if asset.package:
        return list(zip(present(name) or [], asset.files, strict=False))
    files = (*asset.files, *asset.archives)
    return [(root / file.path, file) for file in files for root in roots() if (root / file.path).is_file()]


def _lacking(name: str, *, asked: bool) -> str:
    """Return what of an asset is missing, of one that is here in part or was asked for; "" when nothing is."""
    asset = ASSETS[name]
    if present(name) is not None:
        return ""
    advice = f"'python -m sharploss data fetch {name}' completes it."
    if asset.archives:
        counts = [(root / asset.folder, len(images_below(asset, root / asset.folder))) for root in roots()]
        for folder, found in counts:
            if found:
                return f"{folder} holds {found} images but '{name}' has {expected(asset)}: delete it, then {advice}"
    absent = [file.path for file in asset.files if not any((root / file.path).is_file() for root in roots())]
    if 0 < len(absent) < len(asset.files):
        return f"'{name}' lacks {len(absent)} of its {len(asset.files)} files, such as {absent[0]}: {advice}"
    return f"'{name}' is not here: {advice}" if asked else ""
