"""DVC's cache, checked: a file there is named by its MD5, and DVC does not compare the two when it restores one."""

import argparse
import hashlib
from pathlib import Path

from sharploss.utils.errors import UserError

FOLDER = Path(".dvc/cache/files/md5")


def damaged(folder: Path = FOLDER) -> list[Path]:
    """List the files of a cache whose MD5 is not their name, in order."""
    return [path for path in sorted(folder.glob("??/*")) if path.is_file() and not _is_itself(path)]


def _is_itself(path: Path) -> bool:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    return digest == path.parent.name + path.name.removesuffix(".dir")


def main(arguments: list[str]) -> int:
    """Name the damaged files of DVC's cache, and remove them where asked; 1 when there are any left."""
    parser = argparse.ArgumentParser("python -m sharploss cache", description=__doc__)
    parser.add_argument("--remove", action="store_true", help="remove them: 'dvc repro' makes them again")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="the cache's files (default: %(default)s)")
    given = parser.parse_args(arguments)
    if not given.folder.is_dir():
        raise UserError(f"There is no cache {given.folder}: run this from the repository's folder.")
    found = damaged(given.folder)
    for path in found:
        print(f"{'removed' if given.remove else 'damaged'}: {path}")
        if given.remove:
            path.unlink()
    print(f"{len(found)} damaged" if found else "the cache is intact")
    return 1 if found and not given.remove else 0
