"""Measuring restored images: ours against pyiqa, called metric by metric and image by image.

PSNR, SSIM (both on luma), LPIPS (alex) and NIQE of bicubic images x4 of Set5, Set14 and the first 20 of B100, in one
run: image by image the two sides take turns, so that a machine that changes speed changes both. pyiqa gets images that
are decoded already, which favours it (it is mostly given files), but decoding is not what is compared. Ours is also
timed for 8 models, whose targets are looked at once, and so is each of our metrics alone. The values must agree.

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
from sharploss.data import imresize, read_image
from sharploss.evaluation.score import load_measures
from sharploss.metrics import Measure, Picture
from sharploss.protocols import METRIC_INFO

SETS = ("set5", "set14", "b100")
METRICS = ("psnr", "ssim", "lpips", "niqe")
TOLERANCE = {"psnr": 0.05, "ssim": 2e-3, "lpips": 1e-5, "niqe": 1e-4}
"""pyiqa does not round luma to 8 bits for PSNR, and in SSIM counts negative covariances as 0."""

BORDER = 4


def images(most: int) -> Iterator[tuple[str, Tensor]]:
    """Give (set, image) with sides cropped to multiples of 4: (3, H, W) uint8."""
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
    from sharploss.metrics.lpips import BACKBONES, build_lpips

    # Its LPIPS downloads torchvision's weights whatever it is told; here it gets the same ones from the catalogue.
    lpips_arch.models = SimpleNamespace(alexnet=lambda **_: torchvision.models.alexnet())
    theirs = lpips_arch.LPIPS(net="alex", pretrained=False)
    wanted = build_lpips("alex", read_weights(BACKBONES["alex"])[1]).state_dict()
    theirs.load_state_dict({name: wanted[name] for name in theirs.state_dict() if name in wanted}, strict=False)
    niqe = NIQE(color_space="ycbcr", crop_border=BORDER, pretrained_model_path=str(locate("niqe")[0]))
    return {
        "psnr": PSNR(test_y_channel=True, crop_border=BORDER, color_space="ycbcr"),
        "ssim": SSIM(test_y_channel=True, crop_border=BORDER, color_space="ycbcr"),
        "lpips": theirs,
        "niqe": lambda output, _target: niqe(output),
    }


class Clock:
    """Adds up seconds on the wall and of the CPU, by name."""

    def __init__(self) -> None:
        self.wall: defaultdict[str, float] = defaultdict(float)
        self.cpu: defaultdict[str, float] = defaultdict(float)

    def time(self, name: str, call: Callable[[], Tensor]) -> float:
        """Give what the call gives, timed."""
        wall, cpu = time.perf_counter(), time.process_time()
        value = float(call())
        self.wall[name] += time.perf_counter() - wall
        self.cpu[name] += time.process_time() - cpu
        return value


def measure(measures: dict[str, Measure], output: Tensor, target: Picture, protocol_of: dict[str, str]) -> Tensor:
    """Measure one output against a target that may have been looked at before."""
    picture = Picture(output)
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
    clock, count, worst = Clock(), 0, dict.fromkeys(METRICS, 0.0)
    with torch.inference_mode():
        for count, (_, image) in enumerate(images(asked.b100), 1):
            output, target = (part[None].float() / 255 for part in (imresize(imresize(image, 1 / 4), 4), image))
            if count == 1:
                measure(ours, output, Picture(target), protocol_of)
                [metric(output, target) for metric in theirs.values()]
            known = Picture(target)
            clock.time("ours", lambda: measure(ours, output, known, protocol_of).sum())  # noqa: B023
            for _ in range(7):
                clock.time("7 more", lambda: measure(ours, output, known, protocol_of).sum())  # noqa: B023
            for name in every:
                alone, other = Picture(output), Picture(target)
                call = every[name]
                value = clock.time(name, lambda: call(alone, other, protocol_of[name], BORDER))  # noqa: B023
                if name in theirs:
                    expected = clock.time(f"pyiqa {name}", lambda: theirs[name](output, target))  # noqa: B023
                    worst[name] = max(worst[name], abs(value - expected))
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
    too_far = [name for name in METRICS if worst[name] > TOLERANCE[name]]
    if too_far:
        raise SystemExit(f"values disagree: {', '.join(too_far)}")


if __name__ == "__main__":
    main()
