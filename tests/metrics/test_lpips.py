import os

import pytest
import torch

from sharploss.assets.fetch import AssetMissing
from sharploss.data import imresize, read_image

MIRROR = os.environ.get("SHARPLOSS_MIRROR")
with_weights = pytest.mark.skipif(not MIRROR, reason="SHARPLOSS_MIRROR is not set: no AlexNet to measure with")


@pytest.fixture(scope="module")
def distance():
    from sharploss.metrics.lpips import load_lpips

    return load_lpips()


@pytest.fixture(scope="module")
def pair():
    target = torch.from_numpy(read_image(f"{MIRROR}/datasets/Set5/img_003_SRF_2_HR.png"))
    return imresize(imresize(target, 1 / 4), 4)[None] / 255, target[None] / 255


@with_weights
def test_identical_images_have_distance_0(distance, pair):
    assert distance(pair[1], pair[1]).tolist() == [0.0]


@with_weights
def test_it_is_the_packages_own_value_for_images_from_minus_1_to_1(distance, pair):
    import warnings

    import lpips
    from safetensors.torch import load_file

    weights = load_file(f"{MIRROR}/weights/alexnet_features.safetensors")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        network = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
    for piece, layer in (("slice1", 0), ("slice2", 3), ("slice3", 6), ("slice4", 8), ("slice5", 10)):
        convolution = getattr(getattr(network.net, piece), str(layer))
        convolution.weight.data, convolution.bias.data = (
            weights[f"features.{layer}.weight"],
            weights[f"features.{layer}.bias"],
        )
    with torch.no_grad():
        expected = network(*pair, normalize=True).item()
    assert distance(*pair).item() == pytest.approx(expected, abs=1e-6)
    assert expected == pytest.approx(0.3731, abs=1e-3)  # butterfly, bicubic x4


@with_weights
def test_torchvisions_file_of_the_whole_network_serves_as_well(distance, pair, monkeypatch, tmp_path):
    from safetensors.torch import load_file

    from sharploss.assets import weights
    from sharploss.metrics.lpips import load_lpips

    whole = load_file(f"{MIRROR}/weights/alexnet_features.safetensors") | {"classifier.1.bias": torch.zeros(4096)}
    torch.save(whole, tmp_path / "alexnet.pth")

    monkeypatch.setattr(weights, "choose", lambda names: names[1])
    monkeypatch.setattr(weights, "locate", {"alexnet_torchvision": [tmp_path / "alexnet.pth"]}.__getitem__)
    assert torch.equal(load_lpips()(*pair), distance(*pair))


@with_weights
def test_more_blur_is_further_away(distance, pair):
    blurred, target = pair
    assert distance((blurred + target) / 2, target) < distance(blurred, target)


@with_weights
def test_loading_leaves_the_random_state_alone():
    from sharploss.metrics.lpips import load_lpips

    before = torch.get_rng_state()
    load_lpips()
    assert torch.equal(torch.get_rng_state(), before)


def test_without_weights_it_says_what_is_missing(monkeypatch, tmp_path):
    from sharploss.metrics.lpips import load_lpips

    monkeypatch.delenv("SHARPLOSS_MIRROR", raising=False)
    monkeypatch.setenv("SHARPLOSS_CACHE", str(tmp_path))
    monkeypatch.setenv("SHARPLOSS_OFFLINE", "1")
    with pytest.raises(AssetMissing, match="alexnet"):
        load_lpips()
