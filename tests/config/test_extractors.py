import subprocess
import sys

import pytest
import yaml
from pydantic import ValidationError

from sharploss.config.extractors import OFFICIAL, Extractor, weights_source
from sharploss.config.params import Params, load_params
from sharploss.utils.errors import UserError
from sharploss.utils.yaml_files import load_yaml

LEAST = {"task": "sr_x4", "image": "skimage_train/coffee"}


def test_defaults_are_singans():
    settings = Extractor(**LEAST)
    assert (settings.factor, settings.min_size, settings.max_size) == (0.75, 25, 250)
    assert (settings.iterations, settings.steps) == (2000, 3)
    assert (settings.learning_rate, settings.betas) == (5e-4, (0.5, 0.999))
    assert (settings.milestone, settings.gamma, settings.penalty, settings.reconstruction) == (1600, 0.1, 0.1, 10)
    assert (settings.width, settings.max_width) == (32, 128)


@pytest.mark.parametrize(
    "change",
    [{"iteration": 3}, {"factor": 1}, {"image": "coffee"}, {"scales": 1}, {"min_size": 10}, {"betas": [0.5, 1]}],
)
def test_bad_settings_are_refused(change):
    with pytest.raises(ValidationError, match=next(iter(change))):
        Extractor(**{**LEAST, **change})


def test_params_know_extractors_and_check_their_task(repository, tmp_path):
    content = load_yaml(repository / "params.yaml")
    content["extractors"]["mdf_sr"] = {**LEAST, "iterations": 5}
    assert Params.model_validate(content).extractors["mdf_sr"].iterations == 5
    content["extractors"]["mdf_sr"]["task"] = "sr_x5"
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(UserError, match=r"extractors\.mdf_sr\.task: There is no task 'sr_x5': did you mean 'sr_x4'"):
        load_params(tmp_path / "params.yaml")


def test_a_misspelt_setting_is_named_with_the_nearest(repository, tmp_path):
    content = load_yaml(repository / "params.yaml")
    content["extractors"]["mdf_sr"] = {**LEAST, "iteration": 5}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(UserError, match=r"extractors\.mdf_sr: There is no key 'iteration': did you mean 'iterations'"):
        load_params(tmp_path / "params.yaml")


def test_what_weights_stand_for():
    assert [weights_source(name) for name in OFFICIAL] == [None] * 3
    assert weights_source("mdf_sr").as_posix() == "mdf_sr.safetensors"
    assert weights_source("elsewhere/x.safetensors").as_posix() == "elsewhere/x.safetensors"


@pytest.mark.parametrize("weights", ["../x", "a/b", "A", "", "-x", "mdf_sr\n", None, 3, ["sisr"], {"sisr": 1}])
def test_weights_that_are_neither_a_name_nor_a_path_are_refused(weights):
    with pytest.raises(ValueError, match="weights must be one of sisr, jpeg, denoising, an extractor's name or a path"):
        weights_source(weights)


def test_nothing_heavy_is_imported():
    code = (
        "import sys, sharploss.config.run_config; sys.exit(bool({'torch', 'numpy', 'requests'} & sys.modules.keys()))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
