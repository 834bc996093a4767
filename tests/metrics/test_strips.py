"""Large images are measured strip by strip: the values are those of the whole, and memory does not grow with them."""

import math
import os
import subprocess
import sys

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sharploss.assets.fetch import AssetMissingError
from sharploss.config.protocols import METRIC_INFO
from sharploss.functional.colour import as_measured
from sharploss.metrics import METRICS, CachedImage
from sharploss.metrics.fid import patches_of
from sharploss.metrics.picture import Strip, mean_of, strips

MIRROR = os.environ.get("SHARPLOSS_MIRROR")
CASES = [
    (metric, protocol)
    for metric, info in METRIC_INFO.items()
    for protocol in (*info["protocols"], *(("grey8",) if metric in ("edge_psnr", "overshoot") else ()))
    if metric in METRICS
]


def photo(seed, size, count=1):
    """Something smoother than noise, in bytes, that differs from place to place."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand((count, 3, 9, 7), generator=generator)
    fine = torch.rand((count, 3, *size), generator=generator)
    large = torch.nn.functional.interpolate(coarse, size=size, mode="bilinear", align_corners=False)
    return (255 * (0.8 * large + 0.2 * fine)).round().to(torch.uint8)


def pair(size, count=1):
    target = photo(0, size, count)
    return (0.8 * target + 0.2 * photo(1, size, count)).round().to(torch.uint8), target


@pytest.fixture
def cut(monkeypatch):
    """A function that makes every image large, and strips of so many pixels."""

    def cut_at(pixels):
        monkeypatch.setattr("sharploss.metrics.picture.LARGE", 0)
        for module in ("picture", "lpips"):
            monkeypatch.setattr(f"sharploss.metrics.{module}.STRIP", pixels)

    return cut_at


@given(st.integers(1, 300), st.integers(1, 40), st.integers(1, 500), st.sampled_from([1, 8, 96]), st.integers(0, 99))
def test_every_row_counts_in_one_strip(height, width, most, grid, reach):
    found = list(strips(height, width, most=most, grid=grid, reach=reach))
    rows = torch.arange(height)[:, None]
    assert torch.cat([strip.of(rows[strip.start : strip.stop]) for strip in found]).flatten().tolist() == [
        *range(height)
    ]
    for strip in found:
        assert strip.first % grid == 0
        assert (strip.last - strip.first) * width <= max(most, grid * width)
        assert (strip.start, strip.stop) == (max(strip.first - reach, 0), min(strip.last + reach, height))


def test_the_mean_of_means_is_that_of_all_values():
    values = torch.rand(2, 13, dtype=torch.float64, generator=torch.manual_seed(0))
    parts = [(part.mean(dim=1), part.shape[1]) for part in values.split([5, 7, 1], dim=1)]
    torch.testing.assert_close(mean_of(parts), values.mean(dim=1), rtol=1e-14, atol=0)
    assert mean_of(parts[:1]) is parts[0][0]


@pytest.mark.parametrize("channels", ["y", "rgb", "grey", "luma256"])
def test_a_strip_shows_its_rows_of_large_and_small_images(cut, channels):
    image, strip = photo(2, (30, 34)), Strip(4, 19, 5, 18)
    wanted = as_measured(image.float() / 255, channels, 3)[..., 4:19, :]
    assert torch.equal(CachedImage(image).seen(channels, 3, strip), wanted)
    cut(34)
    assert torch.equal(CachedImage(image).seen(channels, 3, strip), wanted)
    assert torch.equal(CachedImage(image.float() / 255).seen(channels, 3, strip), wanted)


@pytest.mark.parametrize(("metric", "protocol"), CASES)
@pytest.mark.parametrize("size", [(421, 333), (386, 274)])
def test_strips_do_not_change_a_metric(cut, metric, protocol, size):
    try:
        measure = METRICS[metric]()
    except AssetMissingError as missing:
        pytest.skip(f"{missing.reason}")
    images = pair(size)
    whole = measure(*map(CachedImage, images), protocol, 3).item()
    assert math.isfinite(whole)
    for pixels in (3000, 60000):
        cut(pixels)
        found = measure(*map(CachedImage, images), protocol, 3).item()
        # LPIPS is computed in float32.
        assert found == pytest.approx(whole, rel=2e-6 if metric.startswith("lpips") else 1e-12)


@pytest.mark.parametrize("metric", ["psnr", "ssim", "ms_ssim", "edge_psnr", "gradient_variance_ratio", "overshoot"])
def test_images_of_a_batch_are_cut_alike(cut, metric):
    measure, protocol = METRICS[metric](), METRIC_INFO[metric]["protocols"][0]
    images = pair((181, 170), 2)
    whole = measure(*map(CachedImage, images), protocol, 2).tolist()
    cut(5000)
    assert measure(*map(CachedImage, images), protocol, 2).tolist() == pytest.approx(whole, rel=1e-12)


@given(st.integers(161, 210), st.integers(161, 180))
def test_any_size_can_be_cut_for_ms_ssim_and_niqe_at_any_place(height, width):
    measure = METRICS["ms_ssim"]()
    images = pair((height, width))
    whole = measure(*map(CachedImage, images), "y", 0).item()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sharploss.metrics.picture.LARGE", 0)
        patch.setattr("sharploss.metrics.picture.STRIP", 1)
        assert measure(*map(CachedImage, images), "y", 0).item() == pytest.approx(whole, rel=1e-12)


def test_fid_sees_the_same_patches(cut):
    image = photo(3, (421, 333))
    (whole,) = patches_of(CachedImage(image))
    cut(333 * 64)
    parts = list(patches_of(CachedImage(image)))
    assert len(parts) > 1
    assert torch.equal(torch.cat(parts), whole)


MEASURE = """
import re, sys, torch
from pathlib import Path
from sharploss.evaluation.reference import enlarge
from sharploss.evaluation.restore import restore
from sharploss.metrics import METRICS, CachedImage, lpips, picture
from sharploss.config.protocols import METRIC_INFO
torch.set_num_threads(1)
picture.LARGE = picture.STRIP = lpips.STRIP = sys.modules['sharploss.data.imresize'].BUNDLE = 2**17
measures = {name: METRICS[name]() for name in sys.argv[1:]}

def kilobytes(key):
    return int(re.search(key + r":\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])

def run(side):
    output = restore(torch.nn.PReLU(), torch.empty((3, side, 400), dtype=torch.uint8).random_(), tile=256)
    one, other = CachedImage(output[None]), CachedImage(enlarge(output[:, ::4, ::4].clone(), 4)[None])
    with torch.inference_mode():
        for name, measure in measures.items():
            for protocol in METRIC_INFO[name]["protocols"]:
                measure(one, other, protocol, 4)

run(400)
for side in (800, 2400):
    Path("/proc/self/clear_refs").write_text("5")  # VmHWM, the peak, starts anew
    before = kilobytes("VmRSS")
    run(side)
    print(1024 * (kilobytes("VmHWM") - before))
"""


@pytest.mark.slow
@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="no /proc that tells a process's memory")
def test_memory_beyond_the_images_hardly_grows_with_them():
    with_weights = ("lpips", "niqe") if MIRROR else ()
    metrics = [name for name, info in METRIC_INFO.items() if info["asset"] is None or name in with_weights]
    # So that what is freed goes back to the system, and no gaps are counted.
    frugal = {**os.environ, "MALLOC_MMAP_THRESHOLD_": "262144", "MALLOC_TRIM_THRESHOLD_": "262144"}
    command = [sys.executable, "-W", "ignore", "-c", MEASURE, *metrics]
    found = subprocess.run(command, check=True, capture_output=True, text=True, env=frugal).stdout.split()
    small, large = map(int, found)
    growth = (large - small) / (1600 * 400)
    # The degraded and both other images take 9 bytes a pixel. One channel that is whole would take 8, all three 24.
    assert growth < 9 + 6
