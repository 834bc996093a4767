"""Patches per second from a pack against decoding PNG files for every patch, as the field's training codes do.

One run, the same pairs of images on both sides, each alone for a fixed time after a warm-up: torch's DataLoader with
two workers that decode both PNG files of a pair and cut a patch out, and sharploss.data.Patches on the packed pairs,
in one thread.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from sharploss.assets import locate
from sharploss.data import Patches, degrade, open_pack, read_image, write_pack, write_png

TASK = {"kind": "sr", "scale": 4, "kernel": "bicubic", "mod_crop": True, "inputs": "made", "seed": 0}
PATCH, BATCH = 48, 16


class PngPairs(Dataset[tuple[Tensor, Tensor]]):
    """Decodes a pair of PNG files and cuts a random patch out of it, every time."""

    def __init__(self, pairs: list[tuple[Path, Path]]) -> None:
        self.pairs = pairs

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        """Return input (3, 48, 48) and target (3, 192, 192) in [0, 1]."""
        large, small = (torch.from_numpy(read_image(path)) for path in self.pairs[index])
        top, left = (int(torch.randint(size - PATCH + 1, ())) for size in small.shape[1:])
        patch = small[:, top : top + PATCH, left : left + PATCH]
        target = large[:, 4 * top : 4 * (top + PATCH), 4 * left : 4 * (left + PATCH)]
        return patch / 255, target / 255


def prepare(images: list[Path], folder: Path) -> tuple[list[tuple[Path, Path]], Path]:
    """Write the pairs as PNG files and as a pack."""
    made = [degrade(torch.from_numpy(read_image(path)), TASK, path.stem) for path in images]
    made = [pair for pair in made if min(pair[1].shape[1:]) >= PATCH]
    pairs = [(folder / f"{index}_hr.png", folder / f"{index}_lr.png") for index in range(len(made))]
    for (large, small), paths in zip(made, pairs, strict=True):
        write_png(paths[0], large.numpy())
        write_png(paths[1], small.numpy())
    named = ((f"set/{index}", *pair) for index, pair in enumerate(made))
    write_pack(folder / "pack.safetensors", named, role="train", sets=["set"], parameters=TASK, missing={})
    return pairs, folder / "pack.safetensors"


def rate(batches: Iterator[object], seconds: float) -> float:
    """Count patches per second, after a second that does not count."""
    for warm_up in (True, False):
        start, done = time.perf_counter(), 0
        while (spent := time.perf_counter() - start) < (1.0 if warm_up else seconds):
            next(batches)
            done += BATCH
    return done / spent


def main() -> None:
    """Measure both sides and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", metavar="FOLDER", help="images to use instead of scikit-image's training ones")
    parser.add_argument("--most", type=int, default=40, help="of them")
    parser.add_argument("--seconds", type=float, default=8.0, help="that each side is measured for")
    asked = parser.parse_args()
    found = sorted(Path(asked.images).iterdir()) if asked.images else locate("skimage_train")
    torch.set_num_threads(1)  # what workers have; more would wait for each other where cores are busy
    with tempfile.TemporaryDirectory() as folder:
        pairs, pack = prepare(found[: asked.most], Path(folder))
        data = PngPairs(pairs * (BATCH * 4 // len(pairs) + 1))
        loader = DataLoader(data, BATCH, shuffle=True, drop_last=True, num_workers=2, persistent_workers=True)
        decoded = rate((batch for _ in count() for batch in loader), asked.seconds)
        patches = Patches(open_pack(pack), scale=4, patch=PATCH, batch=BATCH, seed=0)
        packed = rate((patches.batch(step) for step in count()), asked.seconds)
    print(f"{len(pairs)} pairs, {BATCH} patches of {PATCH} and {4 * PATCH} pixels a batch")
    print(f"PNG files, DataLoader with 2 workers: {decoded:10.0f} patches/s")
    print(f"pack, one thread:                     {packed:10.0f} patches/s   {packed / decoded:.0f} x")


if __name__ == "__main__":
    main()
