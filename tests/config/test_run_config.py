import json

import pytest
from pydantic import ValidationError

from sharploss.config.params import load_params
from sharploss.config.run_config import RunConfig, resolve_run
from sharploss.training.checkpoint import config_hash
from sharploss.training.state import with_defaults

RUN = {"task": "sr_x4", "network": "edsr", "recipe": "mini", "seed": 3, "extractor": "an/extractor.safetensors"}


@pytest.fixture(scope="module")
def mini(repository):
    return load_params(repository / "tests/study.yaml")


def test_everything_is_spelt_out(mini):
    config = resolve_run(mini, {**RUN, "loss": "l1_gv"})
    assert config.task.scale == 4
    assert (config.network.network, config.network.parameters["width"]) == ("edsr", 16)
    assert config.loss.weights == {"l1": 1, "gv": 0.01}
    assert (config.recipe.weight_decay, config.recipe.patch, config.target_patch) == (0.0, 16, 64)
    assert config.seed == 3


def test_a_discriminator_is_made_for_the_recipes_patches_unless_it_states_a_size(mini):
    losses = {"esrgan": {"l1": 0.01, "ragan": 0.005}, "fixed": {"l1": 0.01, "gan": {"size": 32, "width": 8}}}
    study = type(mini).model_validate(mini.model_dump() | {"losses": mini.model_dump()["losses"] | losses})
    follows, fixed = (resolve_run(study, {**RUN, "loss": loss}).loss.terms for loss in losses)
    assert follows["ragan"].weight == 0.005
    assert follows["ragan"].parameters == {"size": 64}
    assert fixed["gan"].parameters == {"size": 32, "width": 8}


@pytest.mark.parametrize("loss", ["l1", "l1_gv", "sploss", "esrgan", "mdf"])
def test_a_run_is_the_same_after_it_was_written_and_read(mini, loss):
    config = with_defaults(resolve_run(mini, {**RUN, "loss": loss}))
    text = json.dumps(config.model_dump(mode="json"), sort_keys=True)
    again = RunConfig.model_validate(json.loads(text))
    assert again == config
    assert json.dumps(again.model_dump(mode="json"), sort_keys=True) == text
    assert config_hash(again.model_dump(mode="json")) == config_hash(json.loads(text))


def test_what_is_written_are_plain_mappings(mini):
    """As weight files and provenance have always had them: their hash is the identity of runs that were trained."""
    plain = with_defaults(resolve_run(mini, {**RUN, "loss": "l1_gv"})).model_dump(mode="json")
    assert list(plain) == ["task", "network", "loss", "recipe", "seed"]
    assert plain["network"] == {"network": "edsr", "blocks": 4, "width": 16, "res_scale": 1.0}
    assert plain["loss"]["l1"] == {"weight": 1.0}
    assert list(plain["loss"]["gv"])[:2] == ["weight", "patch"]
    assert plain["recipe"]["betas"] == [0.9, 0.999]
    assert plain["task"]["test"] == ["skimage_test", "set5"]


def test_a_run_cannot_be_changed(mini):
    config = resolve_run(mini, {**RUN, "loss": "l1"})
    for part, name in ((config, "seed"), (config.recipe, "steps"), (config.loss.terms["l1"], "weight")):
        with pytest.raises(ValidationError, match="frozen"):
            setattr(part, name, 1)
