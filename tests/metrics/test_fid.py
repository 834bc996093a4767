import math
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sharploss.assets.fetch import AssetMissingError
from sharploss.metrics import fid
from sharploss.metrics.cached_image import CachedImage
from sharploss.metrics.fid import PATCH, STRIDE, frechet_distance, load_fid, patches_of


def features(count, dimensions, seed=0, shift=0.0):
    generator = torch.Generator().manual_seed(seed)
    mixed = torch.randn((dimensions, dimensions), generator=generator, dtype=torch.float64)
    return torch.randn((count, dimensions), generator=generator, dtype=torch.float64) @ mixed + shift


def scipys(one, other):
    """The formula of Heusel et al., with scipy's square root of a matrix."""
    from scipy.linalg import sqrtm

    first, second = (np.cov(values.numpy(), rowvar=False) for values in (one, other))
    shift = one.mean(dim=0).numpy() - other.mean(dim=0).numpy()
    return shift @ shift + np.trace(first + second - 2 * sqrtm(first @ second).real)


@given(st.integers(0, 1000), st.integers(30, 60), st.integers(30, 60))
def test_the_distance_is_scipys(seed, one, other):
    sets = features(one, 6, seed), features(other, 6, seed + 1, shift=0.5)
    assert frechet_distance(*sets) == pytest.approx(scipys(*sets), rel=1e-6)


def test_the_distance_is_pyiqas():
    from pyiqa.archs.fid_arch import frechet_distance as package

    sets = features(50, 8, 1), features(70, 8, 2, shift=0.3)
    moments = [part for values in sets for part in (values.mean(dim=0).numpy(), np.cov(values.numpy(), rowvar=False))]
    with np.errstate(all="ignore"):
        try:
            expected = package(*moments)
        except TypeError:
            pytest.skip("this pyiqa does not fit this scipy: its sqrtm takes no 'disp'")
    assert frechet_distance(*sets) == pytest.approx(float(expected), rel=1e-6)


def test_it_is_right_where_covariances_are_singular():
    # Fewer members than dimensions: the same as in the space that they span.
    small = features(9, 4, 1), features(7, 4, 2)
    rotation = torch.linalg.qr(torch.randn(40, 40, generator=torch.manual_seed(0), dtype=torch.float64)).Q
    large = [torch.cat([values, values.new_zeros(len(values), 36)], dim=1) @ rotation for values in small]
    assert frechet_distance(*large) == pytest.approx(frechet_distance(*small), rel=1e-9)


def test_a_set_has_no_distance_from_itself_and_the_square_of_a_shift_from_its_shifted_self():
    values = features(30, 5)
    assert frechet_distance(values, values) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(values + 2, values) == pytest.approx(5 * 4, rel=1e-9)
    assert frechet_distance(values, features(40, 5, 7)) == pytest.approx(frechet_distance(features(40, 5, 7), values))


def test_fewer_than_two_patches_have_no_distance():
    assert math.isnan(frechet_distance(features(1, 4), features(9, 4)))


def test_patches_cover_the_image_in_steps():
    image = torch.rand(1, 3, 260, 200)
    patches = patches_of(CachedImage(image))
    assert patches.shape == (3 * 2, 3, PATCH, PATCH)
    levels = CachedImage(image).levels().float()[0]
    assert torch.equal(patches[3], levels[:, STRIDE : STRIDE + PATCH, STRIDE : STRIDE + PATCH])


def test_an_image_smaller_than_a_patch_has_none():
    assert len(patches_of(CachedImage(torch.rand(1, 3, 127, 300)))) == 0


def test_without_weights_it_says_what_to_do(monkeypatch, tmp_path):
    monkeypatch.delenv("SHARPLOSS_MIRROR", raising=False)
    monkeypatch.setenv("SHARPLOSS_CACHE", str(tmp_path))
    with pytest.raises(AssetMissingError, match="python -m sharploss data fetch inception_fid"):
        load_fid()


class Means(torch.nn.Module):
    """Stands for Inception: the features are the patches' mean colours."""

    def forward(self, images, resize, normalize):
        assert resize
        assert normalize
        return [images.mean(dim=(2, 3), keepdim=True)]


def test_features_are_those_of_all_patches(monkeypatch):
    monkeypatch.setattr(fid, "local_only", lambda _name: None)
    monkeypatch.setattr(fid, "build_inception", lambda _path: Means())
    monkeypatch.setattr(fid, "BATCH", 2)
    image, empty = torch.rand(1, 3, 260, 200), torch.rand(1, 3, 60, 60)
    found = load_fid()(CachedImage(image))
    assert found.dtype == torch.float64
    torch.testing.assert_close(found.float(), patches_of(CachedImage(image)).mean(dim=(2, 3)))
    assert len(load_fid()(CachedImage(empty))) == 0


@pytest.mark.slow
def test_pyiqas_network_is_built_from_a_file_without_any_download(monkeypatch, tmp_path):
    from pyiqa.archs import inception

    before = inception.load_pretrained_network
    monkeypatch.setattr(inception, "load_pretrained_network", lambda *_: None)
    with torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.manual_seed(0)
        whole = inception.fid_inception_v3()
    torch.save(whole.state_dict(), tmp_path / "inception.pth")
    monkeypatch.setattr(inception, "load_pretrained_network", before)

    monkeypatch.setattr(fid, "local_only", lambda _name: tmp_path / "inception.pth")
    found = load_fid()(CachedImage(torch.rand(1, 3, PATCH, PATCH + STRIDE)))
    assert inception.load_pretrained_network is before
    assert found.shape == (2, 2048)
    assert found.isfinite().all()
    assert not torch.equal(found[0], found[1])
