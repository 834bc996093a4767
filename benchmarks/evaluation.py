"""Measuring restored images: ours against pyiqa, called metric by metric and image by image.

PSNR, SSIM (both on luma), LPIPS (alex) and NIQE of bicubic images x4 of Set5, Set14 and the first 20 of B100, in one
run: image by image the two sides take turns, so that a machine that changes speed changes both. pyiqa gets images that
are decoded already, which favours it (it is mostly given files), but decoding is not what is compared. Ours is also
timed for 8 models, whose targets are looked at once, and so is each of our metrics alone.

The values must agree, and pyiqa is asked for what we measure: PSNR of luma that is rounded to 8 bits, as its SSIM is
(data_range=255), without the 1e-8 in its logarithm. Three things remain. It rounds luma in float32, and so a few pixels
that lie halfway between two levels the other way (up to 3.1e-5 dB and 2e-6 of SSIM): of the luma that we look at, which
it gets besides, untimed, PSNR differs by 7e-15 dB. It counts negative structure in SSIM as 0, which adds up to 1.0e-3:
as much is added to ours before the two are compared. And its window is rounded to float32, which makes 5e-7.

Needs the mirror's sets and weights (SHARPLOSS_MIRROR). Says CPU seconds beside the time on the wall, which is what
counts on a machine that does other things too.
"""

import argparse
import time
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import torch
from torch import Tensor

from sharploss.assets import locate, present
from sharploss.config.protocols import METRIC_INFO
from sharploss.data import imresize, read_image
from sharploss.evaluation.score import load_measures
from sharploss.functional.ssim import ssim_parts
from sharploss.metrics import CachedImage, Measure

SETS = ("set5", "set14", "b100")
METRICS = ("psnr", "ssim", "lpips", "niqe")
PLAIN = "ssim, nothing added"

TOLERANCE = {
    "psnr": 1e-4,
    "ssim": 5e-6,
    "lpips": 1e-6,
    "niqe": 1e-6,
    "psnr of the same luma": 1e-12,
    "ssim of the same luma": 1e-6,
    PLAIN: 2e-3,
}
"""How far pyiqa's values may be away from ours: as it is timed, of the luma that we look at, and as it comes."""

BORDER = 4


def images(most: int) -> Iterator[tuple[str, Tensor]]:
    """Yield (set, image) with sides cropped to multiples of 4: (3, H, W) uint8."""
    for name in SETS:
        for path in locate(name)[: most if name == "b100" else None]:
            image = torch.from_numpy(read_image(path))
            yield name, image[:, : image.shape[1] // 4 * 4, : image.shape[2] // 4 * 4]


def packages_metrics() -> dict[str, Callable[[Tensor, Tensor], Tensor]]:
    """Build pyiqa's metrics with the same weights, as its `create_metric` does, but without downloads."""
    import torchvision
    from pyiqa.archs import lpips_arch
    from pyiqa.archs.niqe_arch import NIQE
    from pyiqa.archs.psnr_arch import PSNR
    from pyiqa.archs.ssim_arch import SSIM

    from sharploss.assets.weights import read_weights
    from sharploss.functional.lpips import BACKBONES, build_lpips

    # Its LPIPS downloads torchvision's weights whatever it is asked for; here it gets the same ones from the catalogue.
    lpips_arch.models = SimpleNamespace(alexnet=lambda **_: torchvision.models.alexnet())
    theirs = lpips_arch.LPIPS(net="alex", pretrained=False)
    wanted = build_lpips("alex", read_weights(BACKBONES["alex"])[1]).state_dict()
    theirs.load_state_dict({name: wanted[name] for name in theirs.state_dict() if name in wanted}, strict=False)
    niqe = NIQE(color_space="ycbcr", crop_border=BORDER, pretrained_model_path=str(locate("niqe")[0]))
    return {
        "psnr": PSNR(test_y_channel=True, crop_border=BORDER, color_space="ycbcr", data_range=255, eps=0),
        "ssim": SSIM(test_y_channel=True, crop_border=BORDER, color_space="ycbcr"),
        "lpips": theirs,
        "niqe": lambda output, _target: niqe(output),
    }


def same_luma_metrics() -> dict[str, Callable[[Tensor, Tensor], Tensor]]:
    """Build those of them that take luma, (N, 1, H, W) in [0, 1]: the same values as of RGB, but for its rounding."""
    from pyiqa.archs.psnr_arch import PSNR
    from pyiqa.archs.ssim_arch import SSIM

    return {"psnr": PSNR(eps=0), "ssim": SSIM()}


def clipped(output: Tensor, target: Tensor) -> float:
    """Return what SSIM gains where negative structure counts as 0, as in pyiqa."""
    luminance, structure = ssim_parts(*(CachedImage(image).seen("y", BORDER) for image in (output, target)))
    return -(luminance * structure.clamp(max=0)).mean().item()


def differences(name: str, value: float, expected: float, pair: tuple[Tensor, Tensor]) -> Iterator[tuple[str, float]]:
    """Return how far pyiqa's value of a pair, `expected`, is away from ours: (which of TOLERANCE, the difference)."""
    gain = clipped(*pair) if name == "ssim" else 0.0
    yield name, value + gain - expected
    if name == "ssim":
        yield PLAIN, value - expected
    of_luma = same_luma_metrics().get(name)
    if of_luma is not None:
        luma = (CachedImage(image).seen("y", BORDER) for image in pair)
        yield f"{name} of the same luma", value + gain - float(of_luma(*luma))


class Clock:
    """Adds up seconds on the wall and of the CPU, by name."""

    def __init__(self) -> None:
        self.wall: defaultdict[str, float] = defaultdict(float)
        self.cpu: defaultdict[str, float] = defaultdict(float)

    def time(self, name: str, call: Callable[[], Tensor]) -> float:
        """Return the result of the call, timed."""
        wall, cpu = time.perf_counter(), time.process_time()
        value = float(call())
        self.wall[name] += time.perf_counter() - wall
        self.cpu[name] += time.process_time() - cpu
        return value


def measure(measures: dict[str, Measure], output: Tensor, target: CachedImage, protocol_of: dict[str, str]) -> Tensor:
    """Measure one output against a target that may have been looked at before."""
    picture = CachedImage(output)
    return torch.stack([measures[name](picture, target, protocol_of[name], BORDER)[0].double() for name in measures])


def main() -> None:
    """Measure both sides, check that they agree, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--b100", type=int, default=20, metavar="N", help="how many of its images to take")
    parser.add_argument("--threads", type=int, default=1, help="that torch may use")
    asked = parser.parse_args()
    lacking = [name for name in (*SETS, "alexnet", "niqe") if present(name) is None]
    if lacking:
        print(f"{lacking[0]} is in neither the cache nor a mirror (SHARPLOSS_MIRROR): nothing to measure")
        return
    torch.set_num_threads(asked.threads)
    warnings.simplefilter("ignore")
    every = load_measures().of_image
    ours, theirs = {name: every[name] for name in METRICS}, packages_metrics()
    protocol_of = {name: METRIC_INFO[name]["protocols"][0] for name in every}
    clock, count, worst = Clock(), 0, dict.fromkeys(TOLERANCE, 0.0)
    with torch.inference_mode():
        for count, (_, image) in enumerate(images(asked.b100), 1):
            output, target = (part[None].float() / 255 for part in (imresize(imresize(image, 1 / 4), 4), image))
            if count == 1:
                measure(ours, output, CachedImage(target), protocol_of)
                [metric(output, target) for metric in theirs.values()]
            known = CachedImage(target)
            clock.time("ours", lambda: measure(ours, output, known, protocol_of).sum())  # noqa: B023
            for _ in range(7):
                clock.time("7 more", lambda: measure(ours, output, known, protocol_of).sum())  # noqa: B023
            for name in every:
                alone, other = CachedImage(output), CachedImage(target)
                call = every[name]
                value = clock.time(name, lambda: call(alone, other, protocol_of[name], BORDER))  # noqa: B023
                if name in theirs:
                    expected = clock.time(f"pyiqa {name}", lambda: theirs[name](output, target))  # noqa: B023
                    for what, difference in differences(name, value, expected, (output, target)):
                        worst[what] = max(worst[what], abs(difference))
    report(clock, count, worst, every)


def report(clock: Clock, count: int, worst: dict[str, float], every: dict[str, Measure]) -> None:
    """Print milliseconds an image, by metric and in all."""
    print(f"{count} images, {torch.get_num_threads()} threads; milliseconds of CPU an image (on the wall)")
    for name in every:
        line = f"{name:<26}ours {clock.cpu[name] / count * 1e3:8.1f} ({clock.wall[name] / count * 1e3:8.1f})"
        if name in METRICS:
            package = f"pyiqa {name}"
            ratio = clock.cpu[package] / clock.cpu[name]
            line += f"   pyiqa {clock.cpu[package] / count * 1e3:8.1f} ({clock.wall[package] / count * 1e3:8.1f})"
            line += f"   {ratio:5.1f} x   largest difference {worst[name]:.1e}"
        print(line)
    for models in (1, 8):
        ours, theirs = (
            [source["ours"] + (models > 1) * source["7 more"], models * sum(source[f"pyiqa {n}"] for n in METRICS)]
            for source in (clock.cpu, clock.wall)
        )
        print(
            f"{models} model{'s' if models > 1 else ' '}, the four together: {ours[1] / ours[0]:.1f} x by CPU time, "
            f"{theirs[1] / theirs[0]:.1f} x on the wall"
        )
    print(*(f"{what}: largest difference {worst[what]:.1e}" for what in TOLERANCE if what not in METRICS), sep="\n")
    too_far = [what for what in TOLERANCE if worst[what] > TOLERANCE[what]]
    if too_far:
        raise SystemExit(f"values disagree: {', '.join(too_far)}")


if __name__ == "__main__":
    main()
