import pytest

from sharploss.config.loss_spec import parse_loss
from sharploss.config.params import Params, load_params
from sharploss.planning.plan import NOTHING, changes, check_plan, dump_plan, expand, find_run, load_plan, write_plan
from sharploss.utils.errors import UserError


@pytest.fixture(scope="module")
def params(repository):
    return load_params(repository / "tests/study.yaml")


def with_changes(params, **updates):
    return Params.model_validate({**params.model_dump(), **updates})


def test_the_committed_plan_is_what_params_yaml_expands_to(repository):
    assert load_plan(repository / "runs.yaml") == expand(load_params(repository / "params.yaml"))


def test_one_run_serves_several_suites(params):
    runs = expand(params)["runs"]
    assert runs["sr_x4-edsr-sploss-s0"]["suites"] == ["pairings", "alpha_sweep"]
    listed = sum(len(s.tasks) * len(s.networks) * len(s.losses) for s in params.suites.values())
    assert listed == sum(len(run["suites"]) for run in runs.values()) > len(runs)


def test_groups_hold_every_run_once(params):
    plan = expand(params)
    assert sorted(key for group in plan["groups"].values() for key in group["runs"]) == sorted(plan["runs"])


def test_seeds_multiply_runs(params):
    assert len(expand(with_changes(params, seeds=[0, 1, 2]))["runs"]) == 3 * len(expand(params)["runs"])


def test_a_run_that_starts_from_another_comes_after_it_and_names_its_weights(params):
    recipes = params.model_dump()["recipes"]
    recipes["later"] = {**recipes["mini"], "start": {"loss": "l1", "recipe": "mini"}}
    suite = {"question": "?", "tasks": ["sr_x4"], "networks": ["espcn"], "losses": ["l2"], "recipe": "later"}
    runs = expand(with_changes(params, recipes=recipes, suites={"games": suite}))["runs"]
    assert list(runs) == ["sr_x4-espcn-l1-s0", "sr_x4-espcn-l2-later-s0"]
    earlier, later = runs.values()
    assert earlier["start"] == NOTHING
    assert earlier["suites"] == []
    assert later["start"] == "results/mini/weights/sr_x4-espcn/sr_x4-espcn-l1-s0.safetensors"
    assert later["suites"] == ["games"]


def test_a_start_of_another_task(params):
    sections = params.model_dump()
    sections["tasks"]["sr_x2"] = {**sections["tasks"]["sr_x4"], "scale": 2}
    sections["recipes"]["later"] = {
        **sections["recipes"]["mini"],
        "start": {"loss": "l1", "recipe": "mini", "task": "sr_x2"},
    }
    suite = {
        "question": "?",
        "tasks": ["sr_x4"],
        "networks": ["edsr"],
        "losses": ["l1"],
        "recipe": "later",
        "seeds": [3],
    }
    runs = expand(with_changes(params, **{**sections, "suites": {"games": suite}}))["runs"]
    assert list(runs) == ["sr_x2-edsr-l1-s3", "sr_x4-edsr-l1-later-s3"]


def test_a_run_with_self_trained_discriminators_names_their_file(params):
    runs = expand(params)["runs"]
    assert runs["sr_x4-edsr-mdf-s0"]["extractor"] == "results/mini/weights/extractors/mdf_sr.safetensors"
    assert runs["sr_x4-edsr-mdf_sisr-mini_features-s0"]["extractor"] == NOTHING
    assert runs["sr_x4-edsr-l1-s0"]["extractor"] == NOTHING


def test_a_run_with_discriminators_named_by_their_path_depends_on_that_file(params, tmp_path):
    losses = params.losses | {"mdf": parse_loss({"mdf": {"weights": "weights/of-a.colleague+1.safetensors"}})}
    plan = expand(with_changes(params, losses=losses))
    assert plan["runs"]["sr_x4-edsr-mdf-s0"]["extractor"] == "weights/of-a.colleague+1.safetensors"
    assert plan["runs"]["sr_x4-edsr-l1_mdf-s0"]["extractor"] == "results/mini/weights/extractors/mdf_sr.safetensors"
    write_plan(plan, tmp_path / "runs.yaml")
    assert load_plan(tmp_path / "runs.yaml") == plan


@pytest.mark.parametrize(
    "path",
    [
        "/tmp/x.safetensors",
        "../x.safetensors",
        "a/../x.safetensors",
        "a//x.safetensors",
        "./x.safetensors",
        "~/x.safetensors",
        "-x.safetensors",
        "$(touch y).safetensors",
        "${oc.env:HOME}.safetensors",
        "x.safetensors\n",
        "a b.safetensors",
        "weights/x.pth",
    ],
)
def test_a_path_that_leads_out_or_is_more_than_a_path_is_in_no_plan(params, tmp_path, path):
    plan = expand(params)
    plan["runs"]["sr_x4-edsr-mdf-s0"]["extractor"] = path
    write_plan(plan, tmp_path / "runs.yaml")
    with pytest.raises(UserError, match=r"has runs.sr_x4-edsr-mdf-s0.extractor .*, which no plan makes"):
        load_plan(tmp_path / "runs.yaml")


def test_written_and_read_back(params, tmp_path):
    plan = expand(params)
    write_plan(plan, tmp_path / "runs.yaml")
    assert load_plan(tmp_path / "runs.yaml") == plan
    assert len(dump_plan(plan).splitlines()) == sum(len(part) for name, part in plan.items() if name != "study") + 6


def test_a_stale_plan_names_the_difference_and_the_command(params, tmp_path):
    write_plan(expand(params), tmp_path / "runs.yaml")
    assert check_plan(params, tmp_path / "runs.yaml") == expand(params)
    more = with_changes(params, seeds=[0, 7])
    with pytest.raises(UserError, match=r"out of date \(new run sr_x4-espcn-l1-s7\): run 'make plan'"):
        check_plan(more, tmp_path / "runs.yaml")


def test_changes_are_listed(params):
    old, new = expand(params), expand(with_changes(params, seeds=[1]))
    assert "new run sr_x4-edsr-l1-s1" in changes(old, new)
    assert "removed run sr_x4-edsr-l1-s0" in changes(old, new)
    assert changes(old, old) == []


@pytest.mark.parametrize("key", ["../evil-a-b-s0", "a-b-$(touch x)-s0", "a b-c-d-s0", "a-b-c"])
def test_a_key_that_no_plan_makes_is_refused(params, tmp_path, key):
    plan = expand(params)
    plan["runs"][key] = plan["runs"]["sr_x4-edsr-l1-s0"]
    write_plan(plan, tmp_path / "runs.yaml")
    with pytest.raises(UserError, match="no plan makes"):
        load_plan(tmp_path / "runs.yaml")


@pytest.mark.parametrize("section", ["study", "tasks", "extractors"])
def test_a_name_that_no_plan_makes_is_refused(params, tmp_path, section):
    plan = expand(params)
    bad = "$(touch x)"
    plan[section] = {"study": bad, "tasks": [bad], "extractors": {bad: "sr_x4"}}[section]
    write_plan(plan, tmp_path / "runs.yaml")
    with pytest.raises(UserError, match=r"no plan makes|is not a plan"):
        load_plan(tmp_path / "runs.yaml")


def test_a_missing_plan_is_asked_of_make_plan_where_the_study_is(tmp_path):
    with pytest.raises(UserError, match="run this from the repository's folder"):
        load_plan(tmp_path / "runs.yaml")
    (tmp_path / "params.yaml").touch()
    with pytest.raises(UserError, match=r"runs\.yaml is missing: write it with 'make plan'"):
        load_plan(tmp_path / "runs.yaml")


NONE = "plan: {study: mini}\npacks: {}\ndiscriminators: {}\nruns: {}\ngroups: {}\n"


@pytest.mark.parametrize(
    "content", ["", "[]", "runs: {}", NONE + "more: 1", NONE.replace("packs: {}", "packs: {other-sr: {task: sr}}")]
)
def test_what_is_no_plan_is_refused(tmp_path, content):
    (tmp_path / "runs.yaml").write_text(content)
    with pytest.raises(UserError, match=r"runs\.yaml is not a (plan of runs|mapping of names to values): "):
        load_plan(tmp_path / "runs.yaml")


def test_another_study_shares_no_stage_key(params):
    other = expand(with_changes(params, study="other"))
    assert changes(expand(params), other)[0] == "new study other"
    keys = [
        {line.split(":")[0] for line in dump_plan(plan).splitlines()[2:] if line[0] == " "}
        for plan in (expand(params), other)
    ]
    assert not keys[0] & keys[1]


def test_find_run_names_the_nearest(params):
    with pytest.raises(UserError, match="did you mean 'sr_x4-edsr-sploss-s0'"):
        find_run(expand(params), "sr_x4-edsr-splos-s0")
