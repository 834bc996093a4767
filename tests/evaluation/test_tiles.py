from functools import cache, partial

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from sharploss.evaluation import tiles
from sharploss.evaluation.restore import restore
from sharploss.evaluation.tiles import GRID, OVERLAP, Span, restore_tiled, spans
from sharploss.networks import build_network

# name, parameters, scale: networks that see finitely far, small.
FINITE = [
    ("dncnn", {"width": 4, "depth": 6}, 1),
    ("edsr", {"blocks": 3, "width": 4, "res_scale": 1.0}, 1),
    ("edsr", {"blocks": 3, "width": 4, "res_scale": 1.0}, 3),
    ("edsr", {"blocks": 3, "width": 4, "res_scale": 1.0}, 4),
    ("espcn", {"width": 4}, 2),
    ("nonbn_resg", {"blocks": 3, "width": 4}, 1),
    ("resg", {"blocks": 3, "width": 4}, 2),
    ("rrdbnet", {"blocks": 1, "width": 4, "growth": 2}, 1),
    ("rrdbnet", {"blocks": 1, "width": 4, "growth": 2}, 2),
    ("rrdbnet", {"blocks": 1, "width": 4, "growth": 2}, 4),
    ("srresnet", {"blocks": 2, "width": 4}, 4),
    ("srresnet", {"blocks": 2, "width": 4, "batch_norm": False}, 3),
    ("stackedg", {"blocks": 2, "width": 4}, 1),
    ("vdsr", {"depth": 5, "width": 4}, 4),
]
each_finite = pytest.mark.parametrize(("name", "parameters", "scale"), FINITE)


def build(name, parameters, scale):
    torch.manual_seed(0)
    return build_network(name, scale=scale, **parameters).eval()


def picture(height, width):
    return torch.rand(1, 3, height, width, generator=torch.Generator().manual_seed(1))


@cache
def overlap_of(at):
    """Return the smallest overlap at which tiles of a network of FINITE miss nothing."""
    return -(-sight(build(*FINITE[at]), 100) // GRID) * GRID


@torch.no_grad()
def sight(network, reach):
    """How many input pixels far the network sees: a NaN spoils exactly what sees it. Columns suffice: all is square."""
    images = torch.zeros(1, 3, 2 * reach + 1, GRID, dtype=torch.float64)
    images[..., reach, 0] = torch.nan
    output = network.double()(images)
    scale = output.shape[-1] // GRID
    rows = output.isnan().any(dim=3)[0, 0].nonzero().flatten()
    assert rows[0] > 0
    assert rows[-1] < output.shape[2] - 1, "enlarge reach"
    network.float()
    return -int(torch.div(rows[0] - scale * reach, scale, rounding_mode="floor"))


@given(size=st.integers(1, 400), tile=st.integers(1, 12), overlap=st.integers(0, 5))
def test_tiles_keep_every_pixel_once_and_see_the_overlap(size, tile, overlap):
    tile, overlap = GRID * tile, GRID * overlap
    if tile <= 2 * overlap:
        return
    found = list(spans(size, tile, overlap))
    kept = [pixel for span in found for pixel in range(span.first, span.last)]
    assert kept == list(range(size))
    for span in found:
        assert span.start % GRID == 0
        assert span.stop - span.start <= tile
        assert span.start == max(span.first - overlap, 0)
        assert span.stop == min(span.last + overlap, size)


def test_an_image_that_fits_is_one_tile():
    assert list(spans(64, 64, 16)) == [Span(0, 64, 0, 64)]
    assert [span.last for span in spans(65, 64, 16)] == [48, 65]


@each_finite
@settings(max_examples=4, deadline=None)
@given(height=st.integers(1, 130), width=st.integers(1, 130))
def test_tiles_give_the_whole_image_seams_included(name, parameters, scale, height, width):
    network, overlap = build(name, parameters, scale), overlap_of(FINITE.index((name, parameters, scale)))
    with torch.no_grad():
        whole = network(picture(height, width))
        tiled = restore_tiled(network, picture(height, width), tile=2 * overlap + 16, overlap=overlap)
    assert tiled.shape == whole.shape
    torch.testing.assert_close(tiled, whole, rtol=0, atol=1e-4)


def test_too_small_an_overlap_shows_at_the_seams_and_nowhere_else():
    network = build("edsr", {"blocks": 4, "width": 4, "res_scale": 1.0}, 2)
    with torch.no_grad():
        whole, tiled = network(picture(80, 40)), restore_tiled(network, picture(80, 40), tile=40, overlap=0)
    difference = (whole - tiled).abs().amax((0, 1, 3))
    assert sight(network, 20) == 12
    assert difference[70:90].max() > 1e-3
    # Further than 12 input pixels from the seam at 40.
    assert difference[:56].max() < 1e-5
    assert difference[104:].max() < 1e-5


@pytest.mark.parametrize(
    ("name", "parameters", "scale"),
    [
        ("edsr", {"width": 4}, 2),
        ("vdsr", {"width": 4}, 4),
        ("dncnn", {"width": 4}, 1),
        ("srresnet", {"width": 4}, 4),
        ("srresnet", {"width": 4, "batch_norm": False}, 4),
        ("nonbn_resg", {"width": 4}, 1),
        ("espcn", {"width": 4}, 4),
    ],
)
def test_the_overlap_covers_the_papers_depths(name, parameters, scale):
    assert sight(build(name, parameters, scale), OVERLAP + GRID) <= OVERLAP


@pytest.mark.slow
def test_rrdbnet_of_the_papers_depth_sees_further():
    assert 345 <= sight(build("rrdbnet", {"width": 4, "growth": 2}, 4), 360) <= 349


@pytest.mark.parametrize(
    ("name", "parameters", "scale"),
    [
        ("mprnet", {"width": 8, "unet": 4, "orsnet": 4, "blocks": 1, "reduction": 4}, 1),
        ("nlsn", {"blocks": 1, "width": 8, "chunk": 16, "res_scale": 1.0}, 2),
    ],
)
def test_networks_that_see_everything_are_close_and_not_equal(name, parameters, scale):
    network = build(name, parameters, scale)
    with torch.no_grad():
        whole = network(picture(90, 77))
        tiled = restore_tiled(network, picture(90, 77), tile=64, overlap=16)
    assert tiled.shape == whole.shape
    plain = torch.nn.functional.interpolate(picture(90, 77), scale_factor=scale)
    assert 1e-6 < (tiled - whole).abs().mean() < 0.5 * (whole - plain).abs().mean()


def test_tiling_is_deterministic():
    network = build("nlsn", {"blocks": 1, "width": 8, "chunk": 16}, 2)
    with torch.no_grad():
        first, again = (restore_tiled(network, picture(50, 60), tile=32, overlap=8) for _ in range(2))
    assert torch.equal(first, again)


def test_a_batch_is_tiled_at_once():
    network, images = build("edsr", {"blocks": 1, "width": 4}, 2), torch.rand(3, 3, 20, 40)
    with torch.no_grad():
        torch.testing.assert_close(restore_tiled(network, images, tile=24, overlap=8), network(images))


class Recorder(torch.nn.Module):
    """The identity; keeps the sizes it was given."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.sizes = []

    def forward(self, images):
        self.sizes.append(tuple(images.shape[-2:]))
        return images + self.weight


def test_restore_tiles_large_images_by_itself(monkeypatch):
    image = torch.randint(0, 256, (3, 70, 50), dtype=torch.uint8)
    network = Recorder()
    assert torch.equal(restore(network, image), image)
    assert network.sizes == [(70, 50)]
    network.sizes.clear()
    in_tiles(monkeypatch, 70 * 50 - 1, tile=64, overlap=8)
    assert torch.equal(restore(network, image), image)
    assert network.sizes == [(64, 50), (22, 50)]


def in_tiles(monkeypatch, most, tile, overlap):
    """Make `restore` take images of more than `most` pixels in tiles of `tile` pixels."""
    monkeypatch.setattr(tiles, "MAX_PIXELS", most)
    tiled = partial(restore_tiled, tile=tile, overlap=overlap)
    monkeypatch.setattr("sharploss.evaluation.restore.restore_tiled", tiled)


@pytest.mark.parametrize("tile", [8, 24, 64])
@pytest.mark.parametrize(
    ("name", "parameters", "scale"), [("vdsr", {"width": 4}, 2), ("edsr", {"blocks": 32, "width": 4}, 2)]
)
def test_restored_tiles_are_as_the_whole_image_whatever_their_size(monkeypatch, name, parameters, scale, tile):
    """Of the papers' depths, and on bytes: at most one level in 255, where rounding decides."""
    network = build(name, parameters, scale)
    image = (picture(170, 30)[0] * 255).byte()
    whole = restore(network, image)
    in_tiles(monkeypatch, 0, tile=tile + 2 * OVERLAP, overlap=OVERLAP)
    tiled = restore(network, image)
    assert (whole.int() - tiled.int()).abs().max() <= 1
    assert (whole != tiled).float().mean() < 1e-3


def test_no_benchmark_image_is_tiled():
    assert 1280 * 720 <= tiles.MAX_PIXELS < 2040 * 1356
    assert OVERLAP % GRID == tiles.TILE % GRID == 0
