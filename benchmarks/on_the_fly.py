"""Noise and JPEG made for every patch while a network trains, against packs that were prepared: speed, what is learnt.

Speed, as a ratio in one run and on one thread: patches per second from a prepared pack, and from a pack whose targets
are degraded afresh for every patch, keyed by (seed, step), so that it could be reproduced as well.

What is learnt (`--learn`): a small DnCNN from eight images at sigma 25, once with one draw of noise per image, once
with fresh noise in every step; as many passes over its pixels as 10,000 steps make over 400 images, fifty times fewer
of them, so that whatever harm a repeated draw can do shows. PSNR is measured on other images.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

import torch
from torch import Tensor

from sharploss.assets import locate
from sharploss.data import Pack, Patches, degrade, open_pack, read_image, write_pack
from sharploss.networks import build_network

NOISE = {"kind": "denoise", "scale": 1, "sigma": 25.0, "colour": "rgb", "seed": 0}
JPEG = {"kind": "jpeg", "scale": 1, "quality": 10, "colour": "rgb", "seed": 0}
PATCH, BATCH = 64, 16
LEARNT_FROM, STEPS, SMALL = 8, 1500, 40

Batch = tuple[Tensor, Tensor]


def pack(images: list[Path], task: dict[str, object], folder: Path) -> Pack:
    """Prepare images."""
    pairs = ((path.stem, *degrade(torch.from_numpy(read_image(path)), task, path.stem)) for path in images)
    target = Path(tempfile.mkdtemp(dir=folder)) / "pack.safetensors"
    write_pack(target, pairs, role="train", sets=["set"], parameters=task, missing={})
    return open_pack(target)


def afresh(patches: Patches, task: dict[str, object]) -> Callable[[int], Batch]:
    """Return a function that degrades the targets of a step's batch as `task` says."""

    def batch(step: int) -> Batch:
        target = patches.batch(step)[1]
        pixels = target.mul(255).round().to(torch.uint8)
        inputs = [degrade(image, task, f"{step} {index}")[1] for index, image in enumerate(pixels)]
        return torch.stack(inputs) / 255, target

    return batch


def rate(batch: Callable[[int], Batch], seconds: float) -> float:
    """Count patches per second, after a second that does not count."""
    steps = count()
    for length in (1.0, seconds):
        start, done = time.perf_counter(), 0
        while (spent := time.perf_counter() - start) < length:
            batch(next(steps))
            done += BATCH
    return done / spent


def learn(batch: Callable[[int], Batch], seed: int, tested: Pack) -> float:
    """Train a small DnCNN and return its mean PSNR on `tested`."""
    torch.manual_seed(seed)
    network = build_network("dncnn", scale=1, depth=6, width=24)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    for step in range(STEPS):
        inputs, target = batch(step)
        optimizer.zero_grad()
        torch.nn.functional.mse_loss(network(inputs), target).backward()
        optimizer.step()
        schedule.step()
    network.eval()
    with torch.inference_mode():
        errors = [
            (network(tested.input(index)[None] / 255).clamp(0, 1) - tested.target(index)[None] / 255).square().mean()
            for index in range(len(tested))
        ]
    return statistics.fmean(-10 * error.log10().item() for error in errors)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", metavar="FOLDER", help="images to use instead of scikit-image's training ones")
    parser.add_argument("--seconds", type=float, default=4.0, help="that each side is measured for")
    parser.add_argument("--learn", action="store_true", help="also train (minutes); takes a FOLDER of 28 images")
    asked = parser.parse_args()
    images = sorted(Path(asked.images).iterdir()) if asked.images else locate("skimage_train")
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for task in (NOISE, JPEG):
            patches = Patches(pack(images[:40], task, folder), scale=1, patch=PATCH, batch=BATCH, seed=0)
            packed, fresh = rate(patches.batch, asked.seconds), rate(afresh(patches, task), asked.seconds)
            print(f"{task['kind']:8s} prepared {packed:8.0f} patches/s, afresh {fresh:8.0f}   {packed / fresh:.1f} x")
        if asked.learn:
            learnt, tested = pack(images[:LEARNT_FROM], NOISE, folder), pack(images[LEARNT_FROM:28], NOISE, folder)
            for seed in (0, 1):
                patches = Patches(learnt, scale=1, patch=SMALL, batch=BATCH, seed=seed)
                once, fresh = learn(patches.batch, seed, tested), learn(afresh(patches, NOISE), seed, tested)
                print(f"seed {seed}: one draw per image {once:.3f} dB, fresh noise {fresh:.3f} dB", flush=True)


if __name__ == "__main__":
    main()
