import numpy as np
import pytest
import torch
from torch import nn

from sharploss.config.recipe import Recipe
from sharploss.metrics import psnr
from sharploss.training.validation import EXACT, IMAGES, SIDE, TIMES, leaves_pictures, validate, write_picture


def test_it_is_the_mean_psnr_on_luma_and_leaves_the_network_in_training_mode(packs):
    network = nn.Upsample(scale_factor=2).train()
    pack = packs["validation"]
    value = validate(network, pack, border=2, device=torch.device("cpu"))
    input, target = pack.input(0)[None].float() / 255, pack.target(0)[None].float() / 255
    assert value == pytest.approx(psnr(network(input), target, protocol="y", border=2).item())
    assert network.training


@pytest.mark.parametrize("exact", [[0], [1, 2], [0, 1, 2]])
def test_an_image_that_is_restored_exactly_counts_like_any_other(packs, exact):
    pack, options = packs["train"], {"border": 2, "device": torch.device("cpu")}
    images = [(pack.input(index)[None].float() / 255, pack.target(index)[None].float() / 255) for index in range(3)]

    class Network(nn.Module):
        def forward(self, input):
            index = next(i for i, (given, _) in enumerate(images) if torch.equal(given, input))
            return images[index][1] if index in exact else nn.functional.interpolate(input, scale_factor=2)

    usual = [
        psnr(nn.functional.interpolate(given, scale_factor=2), target, border=2).item() for given, target in images
    ]
    wanted = [EXACT if index in exact else value for index, value in enumerate(usual)]
    assert validate(Network(), pack, **options) == pytest.approx(sum(wanted) / 3)


def test_pictures_show_the_centre_beside_the_target_and_change_no_value(packs, tmp_path):
    network, pack = nn.Upsample(scale_factor=2), packs["train"]
    options = {"border": 2, "device": torch.device("cpu")}
    value = validate(network, pack, **options, pictures=tmp_path, step=7)
    assert value == validate(network, pack, **options)
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"7--{i}--toy-{'abc'[i]}.npy" for i in range(3)]
    picture = np.load(tmp_path / "7--0--toy-a.npy")
    assert picture.shape == (32, 72, 3)
    assert picture.dtype == np.uint8
    assert (picture[:, 36:] == pack.target(0).permute(1, 2, 0).numpy()).all()
    enlarged = network(pack.input(0)[None].float() / 255).mul(255).round().byte()[0]
    assert (picture[:, :36] == enlarged.permute(1, 2, 0).numpy()).all()


def test_pictures_are_few_small_and_never_an_error(tmp_path):
    image = torch.full((1, 3, 300, 200), float("nan"))
    write_picture(tmp_path / "a.npy", image, image)
    assert np.load(tmp_path / "a.npy").shape == (SIDE, 2 * SIDE, 3)
    write_picture(tmp_path / "gone" / "a.npy", image, image)
    assert not (tmp_path / "gone").exists()
    assert IMAGES * SIDE * 2 * SIDE * 3 < 500_000


@pytest.mark.parametrize(("steps", "every"), [(300, 50), (300, 1), (1_000_000, 5000), (7, 50), (295, 30)])
def test_pictures_are_taken_evenly_and_at_the_last_validation(steps, every):
    recipe = Recipe(steps=steps, validate_every=every, batch=1, patch=8, learning_rate=0.1)
    validations = [step for step in range(1, steps + 1) if step % every == 0 or step == steps]
    shown = [step for step in validations if leaves_pictures(step, recipe)]
    assert shown[-1] == steps
    assert min(len(validations), TIMES // 2) <= len(shown) <= TIMES + 1
