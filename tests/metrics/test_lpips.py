import copy
import math
import os

import pytest
import torch

from lpips_network import lpips_network
from sharploss.assets.fetch import AssetMissingError, locate, present
from sharploss.data import imresize, read_image
from sharploss.functional.colour import quantise
from sharploss.functional.lpips import MIN_SIZE
from sharploss.metrics.cached_image import CachedImage
from sharploss.metrics.lpips import _distance

MIRROR = os.environ.get("SHARPLOSS_MIRROR")
with_weights = pytest.mark.skipif(not MIRROR, reason="SHARPLOSS_MIRROR is not set: no AlexNet to measure with")


@pytest.fixture(scope="module")
def distance():
    from sharploss.metrics.lpips import load_lpips

    return load_lpips()  # the package's own way, once


@pytest.fixture(scope="module")
def pair():
    target = torch.from_numpy(read_image(f"{MIRROR}/datasets/Set5/img_003_SRF_2_HR.png"))
    return imresize(imresize(target, 1 / 4), 4)[None] / 255, target[None] / 255


@with_weights
def test_identical_images_have_distance_0(distance, pair):
    assert distance(pair[1], pair[1]).tolist() == [0.0]


@with_weights
def test_it_is_the_packages_own_value_for_images_from_minus_1_to_1(distance, pair):
    from safetensors.torch import load_file

    weights = load_file(f"{MIRROR}/weights/alexnet_features.safetensors")
    network = copy.deepcopy(lpips_network("alex"))
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
@pytest.mark.skipif(
    present("lpips_examples") is None, reason="python -m sharploss data fetch lpips_examples: its examples are not here"
)
def test_its_authors_examples_have_their_published_distances(distance):
    reference, one, other = (torch.from_numpy(read_image(path))[None] / 255 for path in locate("lpips_examples"))
    assert distance(one, reference).item() == pytest.approx(0.722, abs=5e-4)
    assert distance(other, reference).item() == pytest.approx(0.138, abs=5e-4)


@pytest.mark.parametrize("net", ["alex", pytest.param("vgg", marks=pytest.mark.slow)])
def test_both_networks_have_the_packages_value(net):
    network, images = lpips_network(net), [torch.rand(1, 3, 65, 40, generator=torch.manual_seed(i)) for i in range(2)]
    with torch.inference_mode():
        expected = network(*(quantise(image) for image in images), normalize=True).item()
        pictures = [CachedImage(image) for image in images]
        assert _distance(network, net, *pictures).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.slow
def test_the_vgg_variant_is_built_from_torchvisions_file(monkeypatch, tmp_path):
    from sharploss.assets import weights as reader
    from sharploss.metrics import lpips

    network = lpips_network("vgg")
    weights = {f"features.{name.split('.', 1)[1]}": value for name, value in network.net.state_dict().items()}
    torch.save(weights | {"classifier.0.bias": torch.zeros(4096)}, tmp_path / "vgg16.pth")
    monkeypatch.setattr(lpips, "local_only", lambda _: None)
    monkeypatch.setattr(reader, "locate", lambda _: [tmp_path / "vgg16.pth"])
    images = [torch.rand(1, 3, 40, 48, generator=torch.manual_seed(i)) for i in range(2)]
    with torch.no_grad():
        expected = network(*(quantise(image) for image in images), normalize=True).item()
    assert lpips.load_lpips("vgg")(*images).item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("net", "side"), [("alex", 31), ("vgg", 16)])
def test_the_smallest_image_is_the_smallest_that_the_network_takes(net, side):
    assert MIN_SIZE[net] == side
    network = lpips_network(net)
    for size, works in ((side, True), (side - 1, False)):
        pictures = [CachedImage(torch.rand(1, 3, size, 40, generator=torch.manual_seed(i))) for i in range(2)]
        if works:
            assert _distance(network, net, *pictures).isfinite().all()
        else:
            with pytest.raises(RuntimeError):
                _distance(network, net, *pictures)


@with_weights
def test_smaller_images_have_no_value(distance):
    assert math.isnan(distance(*torch.rand(2, 1, 3, 30, 60)).item())


@with_weights
@pytest.mark.usefixtures("lpips_at_once")
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
    with pytest.raises(AssetMissingError, match="alexnet"):
        load_lpips()
