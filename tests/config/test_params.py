import contextlib
import copy
import json

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sharploss.config.params import Params, load_params
from sharploss.utils.errors import UserError


@pytest.fixture(scope="module")
def read(repository):
    return yaml.load((repository / "tests/study.yaml").read_text(), Loader=yaml.CSafeLoader)


@pytest.fixture
def mini(read):
    """The mini study as its file holds it, to change."""
    return copy.deepcopy(read)


def load(tmp_path, content):
    path = tmp_path / "params.yaml"
    path.write_text(yaml.dump(content, Dumper=yaml.CSafeDumper))
    return load_params(path)


def test_every_shipped_study_loads(repository):
    for path in (repository / "studies").glob("*.yaml"):
        assert load_params(path).study == path.stem


def test_the_schema_for_editors_is_the_models(repository):
    assert json.loads((repository / "studies/schema.json").read_text()) == Params.model_json_schema()


@pytest.mark.parametrize(
    ("where", "value", "told"),
    [
        ("sweeds", 1, "There is no key 'sweeds': did you mean 'seeds'?"),
        ("recipes.mini.stepz", 3, "recipes.mini: There is no key 'stepz': did you mean 'steps'?"),
        ("recipes.mini.steps", -3, "recipes.mini.steps is -3; it must be above 0"),
        ("recipes.mini.steps", "many", "recipes.mini.steps is 'many'"),
        ("recipes.mini.optimizer", "adm", "recipes.mini.optimizer is 'adm'; input should be 'adam' or 'sgd'"),
        ("tasks.sr_x4.scale", 5, "tasks.sr_x4.scale is 5; input should be 2, 3 or 4"),
        ("tasks.sr_x4.kernal", "bicubic", "tasks.sr_x4: There is no key 'kernal': did you mean 'kernel'?"),
        ("tasks.sr_x4.kind", "deblurr", "tasks.sr_x4.kind: There is no kind 'deblurr': did you mean 'deblur'?"),
        ("tasks.sr_x4.test", ["sett5"], "tasks.sr_x4.test: There is no data set 'sett5': did you mean 'set5'?"),
        ("tasks.sr_x4.train", ["bsds500_val"], "tasks.sr_x4.train: the data set 'bsds500_val' goes by the name 'b100'"),
        ("tasks.sr_x4.test", ["skimage_train"], "tasks.sr_x4: skimage_train is trained on and tested on: leave one"),
        ("tasks.sr_x4", {"kind": "jpeg", "quality": 0}, "tasks.sr_x4."),
        ("tasks.sr_x4", {"scale": 4}, "tasks.sr_x4.kind is missing"),
        ("datasets", {"set5": {"images": "a"}}, "datasets.set5: the catalogue has a set of this name"),
        (
            "datasets",
            {"mine": {"images": "a", "imagez": "b"}},
            "datasets.mine: There is no key 'imagez': did you mean 'images'?",
        ),
        ("suites.pairings.losses", ["l11"], "suites.pairings.losses: There is no loss 'l11': did you mean 'l1'?"),
        (
            "suites.pairings.networks",
            ["edrs"],
            "suites.pairings.networks: There is no network 'edrs': did you mean 'edsr'?",
        ),
        ("suites.pairings.recipe", "maxi", "suites.pairings.recipe: There is no recipe 'maxi': did you mean 'mini'?"),
        ("recipes.mini.start", {"loss": "l11", "recipe": "mini"}, "recipes.mini.start.loss: There is no loss 'l11'"),
        (
            "recipes.mini.start",
            {"loss": "l1", "recipe": "mini"},
            "recipes.mini.start.recipe goes in a circle (mini -> mini)",
        ),
        ("recipes.mini.start", {"loss": "l1", "recipe": "x"}, "recipes.mini.start.recipe: There is no recipe 'x'"),
        ("recipes.mini.start", {"los": "l1"}, "recipes.mini.start"),
        ("recipes.mini.accumulate", 3, "recipes.mini: accumulate is 3, which does not divide batch, 4."),
        ("recipes.mini.discriminator", {"learning_rate": 0}, "recipes.mini.discriminator.learning_rate is 0"),
        ("extractors.mdf_sr.task", "deblur", "extractors.mdf_sr.task: deblur is of kind deblur: name one of sr, "),
        ("extractors.mdf_sr.task", "sr_x5", "extractors.mdf_sr.task: There is no task 'sr_x5': did you mean 'sr_x"),
        ("extractors.mdf_sr.widht", 8, "extractors.mdf_sr: There is no key 'widht': did you mean 'width'?"),
        ("extractors.sisr", {"task": "sr_x4", "image": "t91/t1"}, "extractors.sisr: the authors' discriminators have"),
        ("losses.mdf.mdf.weights", "mdf_sl", "losses.mdf.mdf.weights: There is no set of discriminators 'mdf_sl': did"),
        ("losses.mdf.mdf.weights", "SISR", "There is no set of discriminators 'SISR': known are"),
        (
            "losses.mdf.mdf.weights",
            "../mdf_sr",
            "There is no set of discriminators '../mdf_sr': did you mean 'mdf_sr'?",
        ),
        ("losses.mdf.mdf.weights", None, "losses.mdf.mdf.weights: There is no set of discriminators 'None': known are"),
        ("losses.mdf.mdf.weights", ["jpeg"], "losses.mdf.mdf.weights: There is no set of discriminators '['jpeg']': "),
        (
            "losses.mdf.mdf.weights",
            "/tmp/x.safetensors",
            "'/tmp/x.safetensors' is not a path inside the repository, of",
        ),
        ("losses.mdf.mdf.weights", "../x.safetensors", ": copy the file into the repository and give its path from t"),
        ("losses.mdf.mdf.weights", "a/../../x.safetensors", "is not a path inside the repository"),
        ("losses.mdf.mdf.weights", "~/x.safetensors", "is not a path inside the repository"),
        ("losses.mdf.mdf.weights", "a b.safetensors", "is not a path inside the repository"),
        ("losses.mdf.mdf.weights", "$(touch x).safetensors", "is not a path inside the repository"),
        (
            "losses.mdf.mdf.weights",
            "results/mini/weights/extractors/mdf_sl.safetensors",
            "is a file that a study's extractor writes: give the extractor's name instead.",
        ),
        ("recipes.mini_gan.start.los", "l1", "recipes.mini_gan.start: There is no key 'los': did you mean 'loss'?"),
        ("crops.eye.task", "sr_x5", "crops.eye.task: There is no task 'sr_x5': did you mean 'sr_x"),
        ("networks.edsr", {"width": 3}, "networks.edsr.network is missing."),
        ("losses.a/b", {"l1": 1}, "losses.a/b"),
        ("losses.l1", {}, "losses.l1 is {}"),
        ("losses.l1", [1], "losses.l1 is [1]"),
        ("losses.l1.l1", -1, "losses.l1.l1.weight is -1; the minimum is 0."),
        ("losses.l1.l1", "one", "losses.l1.l1.weight is 'one'; input should be a valid number."),
        ("losses.l1.l1", float("inf"), "losses.l1.l1.weight is inf; input should be a finite number."),
        ("losses.l1.l1", 0, "losses.l1: All terms of the loss have weight 0 (l1): give one a weight above 0."),
        ("losses.sploss.sploss.alpha", float("inf"), "losses.sploss.sploss.alpha is inf; a finite number is needed."),
        ("seeds", [], "seeds is []"),
        ("study", None, "study is None"),
        ("study", "published", "the folder 'published' holds other results"),
    ],
)
def test_bad_input_is_told_in_one_sentence(mini, tmp_path, where, value, told):
    section = mini
    *path, name = where.split(".")
    for key in path:
        section = section[key]
    section[name] = value
    with pytest.raises(UserError) as error:
        load(tmp_path, mini)
    assert told in str(error.value)
    assert "params.yaml" in str(error.value)
    assert "\n" not in str(error.value)


def test_training_on_b100_is_refused_with_the_reason(mini, tmp_path):
    mini["tasks"]["sr_x4"] |= {"train": ["b100"], "test": ["set5", "b100"]}
    with pytest.raises(UserError, match=r"b100 is trained on and tested on \(B100 .* is the val part of BSDS500"):
        load(tmp_path, mini)
    mini["tasks"]["sr_x4"] |= {"train": ["bsds500_train", "bsds500_test"]}
    assert load(tmp_path, mini).tasks["sr_x4"].train == ["bsds500_train", "bsds500_test"]


@pytest.mark.parametrize(
    ("sets", "reason"),
    [
        ({"test": ["set5", "urban100"], "tune": ["urban100"]}, "urban100, which is also tested on"),
        ({"train": ["urban100"], "tune": ["urban100"]}, "urban100, which is also learnt from"),
        ({"validation": ["t91"], "tune": ["t91"]}, "t91, which is also learnt from"),
        ({"test": ["b100"], "tune": ["cbsd68"]}, "cbsd68, which is also tested on"),
        ({"test": ["set14"], "tune": ["classic5"]}, "classic5, which is also tested on"),
        ({"test": ["set14"], "tune": ["set5", "classic5"]}, "set5, which is also tested on"),
        ({"train": ["live1"], "test": ["urban100"], "tune": ["set14"]}, "set14, which is also learnt from"),
    ],
)
def test_choosing_weights_by_what_is_tested_on_or_learnt_from_is_refused(mini, tmp_path, sets, reason):
    mini["tasks"]["sr_x4"] |= sets
    with pytest.raises(UserError, match=rf"tasks\.sr_x4\.tune: weights are chosen by {reason} \(.* choose weights by"):
        load(tmp_path, mini)


def test_weights_can_be_chosen_by_a_set_of_which_a_single_known_image_is_tested_on(mini, tmp_path):
    """It is left out when the set is packed."""
    mini["tasks"]["sr_x4"] |= {"test": ["set5", "set14", "b100"], "tune": ["live1"]}
    assert load(tmp_path, mini).tasks["sr_x4"].tune == ["live1"]


def test_weights_that_have_seen_what_is_tested_on_are_refused(mini, tmp_path):
    """Through the run that a training starts from, and through an extractor's image."""
    mini["tasks"]["other"] = {**mini["tasks"]["sr_x4"], "train": ["urban100"], "test": ["set5"]}
    mini["tasks"]["sr_x4"] |= {"test": ["urban100"]}
    recipe = next(suite["recipe"] for suite in mini["suites"].values() if "sr_x4" in suite["tasks"])
    mini["recipes"]["before"] = dict(mini["recipes"][recipe])
    load(tmp_path, mini)
    mini["recipes"][recipe]["start"] = {"task": "other", "loss": "l1", "recipe": "before"}
    with pytest.raises(
        UserError, match="sr_x4 starts from other, and urban100 is trained on and tested on: start from"
    ):
        load(tmp_path, mini)
    del mini["recipes"][recipe]["start"]
    extractor = {**mini["extractors"]["mdf_sr"], "task": "other", "image": "urban100/img_001"}
    mini["extractors"]["mdf_other"] = extractor
    load(tmp_path, mini)  # nobody uses it on urban100
    mini["losses"]["mdf"] = {"mdf": {"weights": "mdf_other"}}
    with pytest.raises(
        UserError, match=r"sr_x4 uses extractors\.mdf_other, and urban100 is trained on and tested on: take"
    ):
        load(tmp_path, mini)


def test_a_file_of_discriminators_inside_the_repository_can_be_named(mini, tmp_path):
    for path in ("weights/a-b_1.v2.safetensors", "X.safetensors"):
        mini["losses"]["mdf"] = {"mdf": {"weights": path}}
        assert load(tmp_path, mini).losses["mdf"].model_dump() == {"mdf": {"weight": 1.0, "weights": path}}


@pytest.mark.parametrize(
    ("task", "filled_in"),
    [
        ({"kind": "sr", "scale": 3}, {"kernel": "bicubic", "mod_crop": True, "inputs": "made"}),
        ({"kind": "deblur", "blur": "motion"}, {"scale": 1, "length": 15.0}),
        ({"kind": "sharpen"}, {"scale": 1, "sigma": 2.0}),
        ({"kind": "denoise", "sigma": 25}, {"scale": 1, "colour": "rgb", "seed": 0}),
        ({"kind": "jpeg", "quality": 10}, {"scale": 1, "colour": "grey"}),
    ],
)
def test_every_kind_of_task_has_its_own_parameters(mini, tmp_path, task, filled_in):
    sets = {"train": ["skimage_train"], "validation": ["skimage_validation"], "test": ["set5"]}
    mini["tasks"]["sr_x4"], mini["extractors"]["mdf_sr"]["task"] = {**task, **sets}, "jpeg_q10"
    found = load(tmp_path, mini).tasks["sr_x4"].model_dump(mode="json")
    assert found.items() >= {**task, **filled_in}.items()


def test_a_missing_key_and_a_missing_file_and_broken_yaml_are_named(mini, tmp_path):
    del mini["recipes"]
    with pytest.raises(UserError, match=r"params\.yaml: recipes is missing"):
        load(tmp_path, mini)
    with pytest.raises(UserError, match=r"nowhere\.yaml is missing"):
        load_params(tmp_path / "nowhere.yaml")
    (tmp_path / "broken.yaml").write_text("a: [1,")
    with pytest.raises(UserError, match=r"broken\.yaml is not valid YAML"):
        load_params(tmp_path / "broken.yaml")


def test_several_adversarial_terms_are_refused(mini, tmp_path):
    mini["losses"]["both"] = {"l1": 1, "ragan": 0.005, "gan": {"weight": 0, "width": 8}}
    with pytest.raises(UserError) as error:
        load(tmp_path, mini)
    assert str(error.value).endswith(
        "params.yaml: losses.both has several adversarial terms (gan, ragan), and a training has one discriminator: "
        "leave one of them."
    )


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.slow
@given(data=st.data())
def test_whatever_stands_in_a_key_is_read_or_told_never_a_traceback(repository, tmp_path_factory, data):
    content = copy.deepcopy(yaml.load((repository / "tests/study.yaml").read_text(), Loader=yaml.CSafeLoader))
    section = content
    for _ in range(data.draw(st.integers(0, 2))):
        inner = [value for value in section.values() if isinstance(value, dict) and value]
        if not inner:
            break
        section = data.draw(st.sampled_from(inner))
    section[data.draw(st.sampled_from(sorted(map(str, section))))] = data.draw(values)
    with contextlib.suppress(UserError):
        load(tmp_path_factory.mktemp("fuzz"), content)
