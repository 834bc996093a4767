import hashlib
import math
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from PIL import Image

from sharploss.data import imresize, read_image

MIRROR = os.environ.get("SHARPLOSS_MIRROR")


def drawn(height, width):
    """A colourful pattern with edges, from integer arithmetic alone: the same everywhere."""
    y, x = np.mgrid[:height, :width]
    channels = [(x * x + 3 * y * y) // 7 % 256, (x * y) % 251, np.where((x // 5 + y // 3) % 2, 255, 0)]
    return torch.from_numpy(np.stack(channels).astype(np.uint8))


def mirrored(tap, size):
    """The pixel that stands for one beyond the border where images are mirrored there, found by walking."""
    step = 0 if 0 <= tap < size else 1
    while step:
        tap = -1 - tap if tap < 0 else 2 * size - 1 - tap
        step = 0 if 0 <= tap < size else 1
    return tap


def slow_rows(image, scale, border=lambda tap, size: min(max(tap, 0), size - 1)):
    """Bicubic along the first axis, restated in plain loops over (H, W) numpy arrays."""

    def kernel(t):
        t = abs(t)
        if t <= 1:
            return 1.5 * t**3 - 2.5 * t**2 + 1
        return -0.5 * t**3 + 2.5 * t**2 - 4 * t + 2 if t < 2 else 0.0

    size, narrow = image.shape[0], min(1.0, scale)
    rows = []
    for out in range(math.ceil(size * scale - 1e-9)):
        centre = (out + 0.5) / scale - 0.5
        reach = 2 / narrow
        taps = range(math.floor(centre - reach), math.ceil(centre + reach) + 1)
        weights = [kernel((centre - tap) * narrow) for tap in taps]
        values = [image[border(tap, size)].astype(np.float64) for tap in taps]
        rows.append(sum(w * v for w, v in zip(weights, values, strict=True)) / sum(weights))
    return np.stack(rows)


def near_half(sums):
    return np.abs(sums - np.floor(sums) - 0.5) < 1e-9


def rounded(image):
    return np.clip(np.floor(image + 0.5), 0, 255).astype(np.uint8)


@pytest.mark.skipif(not MIRROR, reason="SHARPLOSS_MIRROR is not set: the published LR files of Set5 are not at hand")
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_reproduces_the_published_low_resolution_files_of_set5_without_a_differing_sample(scale):
    root = Path(MIRROR or "") / "datasets"
    for index in range(1, 6):
        image = torch.from_numpy(read_image(root / "Set5" / f"img_{index:03}_SRF_2_HR.png"))
        published = read_image(root / "Set5_matlab_lr" / f"x{scale}" / f"img_{index:03}_SRF_{scale}_LR.png")
        height, width = (size - size % scale for size in image.shape[1:])
        np.testing.assert_array_equal(imresize(image[:, :height, :width], 1 / scale).numpy(), published)


@pytest.mark.parametrize(
    ("scale", "digest"),
    [
        (1 / 2, "99c68a26540e4bf2"),
        (1 / 3, "a21437d23212496b"),
        (1 / 4, "5871ecc5bfc291d5"),
        (2, "866d695eedc62f28"),
        (3, "9c30376598897e2b"),
        (4, "c74bb065e793468a"),
    ],
)
def test_golden_vector_recorded_when_set5_was_reproduced(scale, digest):
    assert hashlib.sha256(imresize(drawn(60, 84), scale).numpy().tobytes()).hexdigest()[:16] == digest


def test_golden_numbers():
    assert imresize(drawn(24, 24), 1 / 4)[0].tolist() == [
        [1, 5, 14, 27, 45, 67],
        [13, 17, 25, 39, 56, 79],
        [39, 43, 51, 64, 82, 104],
        [78, 82, 91, 104, 121, 144],
        [132, 136, 144, 159, 184, 205],
        [199, 203, 214, 209, 162, 105],
    ]


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 23), st.integers(1, 23), st.sampled_from([1 / 3, 3, 0.7, 1.3, 1 / 2]), st.integers(0, 99))
def test_agrees_with_a_plain_restatement_within_ties(height, width, scale, seed):
    image = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    tall = slow_rows(image, scale)
    assume(not near_half(tall).any())  # such a sum may round either way, and the second axis builds on the first
    exact = slow_rows(rounded(tall).T, scale).T
    result = imresize(torch.from_numpy(np.stack([image] * 3)), scale)[1].numpy()
    assert result.shape == exact.shape
    certain = ~near_half(exact)
    np.testing.assert_array_equal(result[certain], rounded(exact)[certain])


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 23), st.integers(1, 23), st.sampled_from([1 / 4, 3, 0.7, 1.3, 1 / 2]), st.integers(0, 99))
def test_the_mirrored_conventions_agree_with_a_plain_restatement(height, width, scale, seed):
    image = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    exact = slow_rows(slow_rows(image, scale, mirrored).T, scale, mirrored).T
    given_image = torch.from_numpy(np.stack([image] * 3))
    found = imresize(given_image, scale, border="symmetric", rounding="none")
    assert found.dtype == torch.float64
    np.testing.assert_allclose(found[2].numpy(), exact, rtol=0, atol=1e-9)
    certain = ~near_half(exact)
    once = imresize(given_image, scale, border="symmetric", rounding="end")[0].numpy()
    np.testing.assert_array_equal(once[certain], rounded(exact)[certain])


def test_the_conventions_differ_where_they_should():
    ramp = (torch.arange(9) * 25 + 20).byte().expand(1, 9, 9)
    ours, mirror = (imresize(ramp, 1 / 3, border=border)[0, 1] for border in ("replicate", "symmetric"))
    assert ours[0] > mirror[0]
    assert ours[-1] < mirror[-1]
    assert ours[1] == mirror[1] == 120
    # Halves that rounding after each axis lifts twice.
    dots = torch.zeros(1, 8, 8, dtype=torch.uint8)
    dots[0, ::2, ::2] = 3
    assert (imresize(dots, 1 / 2) != imresize(dots, 1 / 2, rounding="end")).any()


def test_rounding_at_the_end_is_rounding_what_is_not_rounded():
    exact = imresize(drawn(30, 36), 1 / 3, rounding="none")
    assert exact.is_contiguous()
    np.testing.assert_array_equal(imresize(drawn(30, 36), 1 / 3, rounding="end").numpy(), rounded(exact.numpy()))


@pytest.mark.parametrize("parameters", [{"border": "wrap"}, {"rounding": "floor"}])
def test_unknown_conventions_are_refused(parameters):
    with pytest.raises(ValueError, match=next(iter(parameters))):
        imresize(drawn(8, 8), 0.5, **parameters)


@pytest.mark.parametrize("scale", [1 / 2, 1 / 3, 1 / 4])
def test_is_within_rounding_of_pillow_away_from_the_border(scale):
    image = drawn(96, 120)[:1].float().mul(0.5).add(60).byte().expand(3, -1, -1)
    small = imresize(image, scale).numpy().transpose(1, 2, 0).astype(int)
    size = (small.shape[1], small.shape[0])
    pillow = np.asarray(Image.fromarray(image.numpy().transpose(1, 2, 0)).resize(size, Image.Resampling.BICUBIC))
    assert np.abs(small - pillow)[4:-4, 4:-4].max() <= 1


@pytest.mark.parametrize("scale", [1 / 2, 1 / 3, 1 / 4, 2, 3, 4])
def test_flips_commute_and_constants_stay(scale):
    image = drawn(36, 48)
    flipped = imresize(image.flip(-1), scale).flip(-1).int()
    assert (flipped - imresize(image, scale).int()).abs().max() <= 1  # ties may fall to the other side
    assert imresize(torch.full((1, 12, 12), 137, dtype=torch.uint8), scale).unique().tolist() == [137]


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_enlarging_a_ramp_keeps_it_a_ramp(scale):
    ramp = (torch.arange(20, dtype=torch.uint8) * scale).expand(1, 20, 20)
    row = imresize(ramp, scale)[0, 0].int()
    inner = row[2 * scale : -2 * scale]
    assert (inner.diff() == 1).all()


def test_batches_and_views_give_the_same_as_single_images():
    images = torch.stack([drawn(24, 36), drawn(24, 36).flip(-2)])
    both = imresize(images, 1 / 3)
    assert both.shape == (2, 3, 8, 12)
    assert torch.equal(both[1], imresize(images[1], 1 / 3))
    view = drawn(40, 40)[:, 3:27, 5:41:3]
    assert torch.equal(imresize(view, 1 / 2), imresize(view.clone(), 1 / 2))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 3000), st.integers(2, 12))
def test_the_size_is_the_quotient_rounded_up(size, scale):
    image = torch.zeros((1, size, 1), dtype=torch.uint8)
    assert imresize(image, 1 / scale).shape[1] == -(-size // scale)


@pytest.mark.parametrize("scale", [0, -1, math.nan, math.inf])
def test_refuses_scales_that_mean_nothing(scale):
    with pytest.raises(ValueError, match="positive"):
        imresize(drawn(8, 8), scale)


@pytest.mark.parametrize(
    "image", [torch.zeros(3, 8, 8), torch.zeros(8, 8, dtype=torch.uint8), torch.zeros(3, 0, 8).byte()]
)
def test_refuses_what_is_not_a_uint8_image(image):
    with pytest.raises(ValueError, match="uint8"):
        imresize(image, 0.5)


@pytest.mark.parametrize("scale", [4, 3, 1 / 2, 0.3])
def test_bundles_of_columns_do_not_change_it(monkeypatch, scale):
    image = torch.randint(0, 256, (2, 3, 23, 31), dtype=torch.uint8, generator=torch.manual_seed(0))
    whole = imresize(image, scale)
    for bundle in (1, 2000):
        monkeypatch.setattr(sys.modules["sharploss.data.imresize"], "BUNDLE", bundle)
        assert torch.equal(imresize(image, scale), whole)
