import json
import re
import runpy

import pytest
import torch
import yaml

from sharploss.config.params import Params
from sharploss.planning.check_runs import check_run, check_study
from sharploss.planning.plan import expand
from sharploss.utils.errors import UserError

RUN = {"task": "sr_x4", "network": "espcn", "recipe": "mini_gan", "seed": 0}
GAN = {"weight": 0.001, "width": 8}


@pytest.fixture
def mini(repository):
    # What the file's aliases share is taken apart, so that one loss can be changed alone.
    return json.loads(json.dumps(yaml.safe_load((repository / "tests/study.yaml").read_text())))


def refused(content, loss, **world):
    with pytest.raises(UserError) as error:
        check_run(Params.model_validate(content), {**RUN, "loss": loss}, **world)
    return str(error.value)


def test_a_size_that_the_recipe_does_not_give_is_refused(mini):
    mini["losses"]["l1_ragan"]["ragan"]["size"] = 32
    assert refused(mini, "l1_ragan") == (
        "params.yaml: losses.l1_ragan.ragan.size is 32, and the patches of recipes.mini_gan on sr_x4 have 64: "
        "leave it out."
    )
    mini["losses"]["l1_ragan"]["ragan"]["size"] = 64
    check_run(Params.model_validate(mini), {**RUN, "loss": "l1_ragan"})


def test_a_discriminator_of_grey_images_is_refused(mini):
    mini["losses"]["l1_ragan"]["ragan"]["channels"] = 1
    assert refused(mini, "l1_ragan") == (
        "params.yaml: losses.l1_ragan.ragan.channels is 1, and the patches of recipes.mini_gan on sr_x4 have 3: "
        "leave it out."
    )


@pytest.mark.parametrize(
    ("discriminator", "patch", "size", "multiple"),
    [("vgg128", 24, 96, 32), ("vgg128", 12, 48, 32), ("srgan", 21, 84, 16), ("sharpgan", 1, 4, 8)],
)
def test_a_patch_that_the_discriminator_does_not_take_is_refused(mini, discriminator, patch, size, multiple):
    mini["losses"]["own"] = {"l1": 1, "gan": {**GAN, "discriminator": discriminator}}
    mini["recipes"]["mini_gan"]["patch"] = patch
    message = refused(mini, "own")
    assert message.startswith(
        f"params.yaml: recipes.mini_gan.patch is {patch}, which the scale of sr_x4 makes {size}x{size} pixels, and the "
        "discriminator of losses.own.gan takes none of that size ("
    )
    assert re.search(rf"size must be (a multiple of |an integer of at least |one of )?{multiple}\D", message)
    assert message.endswith("): change the patch, or name another discriminator.")


def test_other_faults_of_a_term_are_told_as_they_are(mini):
    mini["losses"]["own"] = {"l1": 1, "gan": {**GAN, "discriminator": "vgg182"}}
    assert "did you mean 'vgg128'?" in refused(mini, "own")


def test_a_patch_too_small_for_a_term_is_refused(mini):
    mini["recipes"]["mini_gan"]["patch"] = 2
    assert refused(mini, "ssim") == (
        "params.yaml: losses.ssim needs patches of 11x11 pixels, and recipes.mini_gan gives 8x8 on sr_x4: "
        "raise its patch to 3."
    )


@pytest.mark.parametrize(("batch", "accumulate", "world"), [(1, 1, 1), (4, 4, 1), (4, 1, 4), (4, 4, 2)])
def test_normalisation_over_one_number_is_refused(mini, batch, accumulate, world):
    mini["losses"]["own"] = {"l1": 1, "gan": {**GAN, "discriminator": "srgan"}}
    mini["recipes"]["mini_gan"].update(patch=4, batch=batch, accumulate=accumulate)
    message = refused(mini, "own", world=world)
    assert message.startswith(
        "params.yaml: the discriminator of losses.own.gan normalises a single pixel of each 16x16"
    )
    assert f"over 2 images at least, and recipes.mini_gan gives 1 together (batch {batch} in " in message
    assert f"make batch at least {2 * max(accumulate, world)}" in message
    assert ("lower accumulate" in message) == (accumulate > 1)
    mini["recipes"]["mini_gan"].update(batch=2 * batch)
    check_run(Params.model_validate(mini), {**RUN, "loss": "own"}, world=world)


def test_one_image_is_enough_where_several_pixels_are_left(mini):
    mini["losses"]["own"] = {"l1": 1, "gan": {**GAN, "discriminator": "srgan"}}
    mini["recipes"]["mini_gan"].update(patch=8, batch=1)
    check_run(Params.model_validate(mini), {**RUN, "loss": "own"})


def test_nothing_is_written_for_a_plan_that_does_not_fit(mini, repository, tmp_path, monkeypatch):
    """Neither by the plan nor by its check, and without a traceback."""
    mini["losses"]["l1_ragan"]["ragan"]["size"] = 32
    params = Params.model_validate(mini)
    script = runpy.run_path(str(repository / "pipelines" / "plan.py"))
    monkeypatch.chdir(tmp_path)
    for check in (lambda: script["renew"](params), lambda: check_study(params, expand(params)["runs"].values())):
        with pytest.raises(UserError, match=r"l1_ragan\.ragan\.size is 32"):
            check()
    assert not list(tmp_path.iterdir())


def test_no_numbers_are_drawn_to_look(mini):
    state = torch.get_rng_state()
    check_run(Params.model_validate(mini), {**RUN, "loss": "l1_ragan"})
    assert torch.equal(torch.get_rng_state(), state)
