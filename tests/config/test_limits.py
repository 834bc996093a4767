import copy
import time

import pytest
import yaml

from sharploss.config.limits import exceeds_limit
from sharploss.config.params import load_params
from sharploss.utils.errors import UserError, shown


@pytest.fixture(scope="module")
def mini(repository):
    return yaml.load((repository / "tests/study.yaml").read_text(), Loader=yaml.CSafeLoader)


@pytest.fixture
def load(mini, tmp_path):
    """Read the mini study with one value in another's place."""

    def run(where, value):
        content = copy.deepcopy(mini)
        *path, last = where.split(".")
        inner = content
        for key in path:
            inner = inner[key]
        inner[last] = value
        (tmp_path / "params.yaml").write_text(yaml.dump(content, Dumper=yaml.CSafeDumper))
        return load_params(tmp_path / "params.yaml")

    return run


@pytest.mark.parametrize(
    ("where", "value", "told"),
    [
        ("recipes.mini.steps", 10**18, "recipes.mini.steps is 1000000000000000000; the maximum is 1000000000."),
        ("recipes.mini.patch", 10**7, "recipes.mini.patch is 10000000; the maximum is 1024."),
        ("recipes.mini.batch", 10**9, "recipes.mini: 1000000000 patches of 16x16 pixels are more than 16777216 pixels"),
        ("recipes.mini.learning_rate", float("inf"), "recipes.mini.learning_rate is inf"),
        ("recipes.mini.milestones", list(range(1, 2000)), "recipes.mini.milestones is [1, 2, 3,"),
        ("networks.edsr.width", 10**9, "networks.edsr.width is 1000000000; the maximum is 4096."),
        ("networks.edsr.blocks", 10**6, "networks.edsr.blocks is 1000000; the maximum is 256."),
        ("networks.edsr.width", [[10**9]], "networks.edsr.width is 1000000000"),
        ("losses.l1.l1", 10**400, "losses.l1.l1.weight is 1000"),
        ("losses.l1_gv.gv", {"patch": 10**6}, "losses.l1_gv.gv.patch is 1000000"),
        ("losses.ms_ssim.ms_ssim.scales", 10**6, "losses.ms_ssim.ms_ssim.scales is 1000000; the maximum is 16."),
        ("losses.sploss.sploss.alpha", "x" * 2000, "losses.sploss.sploss.alpha has 2000 entries; the maximum is 1000."),
        ("losses.esrgan.ragan.width", 10**9, "losses.esrgan.ragan.width is 1000000000"),
        ("extractors.mdf_sr.scales", 10**6, "extractors.mdf_sr.scales is 1000000"),
        ("extractors.mdf_sr.factor", 1 - 1e-12, "extractors.mdf_sr.factor is 0.99"),
        ("seeds", list(range(5_000)), "seeds is [0, 1, 2,"),
        ("seeds", [2**64], "seeds.0 is 18446744073709551616"),
        ("tasks.sr_x4.train", ["skimage_train"] * 2000, "tasks.sr_x4.train is ['skimage_train', "),
        ("losses", {f"l{index}": {"l1": 1} for index in range(2000)}, "losses is {'l0': {'l1': 1}"),
        ("study", "x" * 1000, "study is 'xxx"),
        ("suites.pairings.seeds", list(range(900)), " runs; the maximum is 10000: make studies of its parts."),
    ],
)
def test_what_no_machine_can_do_is_told_at_once_in_one_short_sentence(load, where, value, told):
    began = time.perf_counter()
    with pytest.raises(UserError) as error:
        load(where, value)
    assert told in str(error.value)
    assert len(str(error.value)) < 300
    assert time.perf_counter() - began < 10


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("recipes.mini.steps", 10**9),
        ("recipes.mini.patch", 1024),
        ("networks.edsr.width", 4096),
        ("networks.edsr.blocks", 256),
        ("losses.l1.l1", 10**9),
        ("losses.l1_gv.gv", {"weight": 100_000}),
        ("losses.esrgan.vgg.layers", {"conv2_2": 100_000}),
        ("seeds", [2**32 - 1]),
    ],
)
def test_what_is_large_is_read(load, where, value):
    assert load(where, value).study == "mini"


def test_a_long_row_of_starts_is_refused(repository, load):
    recipes = yaml.load((repository / "tests/study.yaml").read_text(), Loader=yaml.CSafeLoader)["recipes"]
    row = {f"r{i}": {**recipes["mini"], "start": {"loss": "l1", "recipe": f"r{i + 1}"}} for i in range(60)}
    with pytest.raises(UserError, match=r"recipes\.r0\.start: more than 20 runs would start from one another"):
        load("recipes", {**recipes, **row, "r60": recipes["mini"]})


def test_the_first_parameter_over_its_limit_is_named_in_whatever_it_stands():
    assert (
        exceeds_limit({"width": 8, "layers": {"a": 1, "b": 10**10}})
        == "layers.b is 10000000000; the maximum is 1000000000"
    )
    assert exceeds_limit({"sizes": [1, {"depth": 300}]}) == "sizes.depth is 300; the maximum is 256"
    assert exceeds_limit({"width": 4096, "alpha": 10**9, "eps": 1e300, "on": True, "name": "x", "none": None}) == ""
    assert exceeds_limit({"width": -5000}) != ""
    assert exceeds_limit({"layers": {"a": float("inf")}}) == "layers.a is inf; a finite number is needed"


def test_shown_cuts_long_values():
    assert shown([1, 2]) == "[1, 2]"
    assert len(shown("x" * 1000)) == 80
