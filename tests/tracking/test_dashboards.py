from typing import ClassVar

import pytest

from sharploss.config.params import load_params
from sharploss.planning.plan import expand
from sharploss.tracking import dashboards
from sharploss.utils.errors import UserError

SUITE = """
  players:
    question: Does a discriminator help?
    tasks: [sr_x4]
    networks: [edsr]
    losses: [l1, adversarial]
    recipe: mini
"""


@pytest.fixture
def study(repository, tmp_path):
    """The mini study with a suite whose runs have a discriminator."""
    text = (repository / "studies/mini.yaml").read_text()
    text = text.replace("\nlosses:\n", "\nlosses:\n  adversarial: {l1: 1, ragan: {weight: 0.005, width: 8}}\n")
    text = text.replace("\nsuites:\n", f"\nsuites:{SUITE}")
    (tmp_path / "params.yaml").write_text(text)
    params = load_params(tmp_path / "params.yaml")
    return params, expand(params)


def names(panels):
    return [name for panel in panels for name in panel.get("names", [panel.get("name")])]


def test_every_term_of_a_suite_has_a_curve(study):
    params, plan = study
    for suite in params.suites:
        found = dashboards.sections(params, plan, suite)
        losses = {run["loss"] for run in plan["runs"].values() if suite in run["suites"]}
        terms = {f"train/terms/{term}" for loss in losses for term in params.losses[loss]}
        assert terms <= set(names(found["Training"]))
        assert "validation/psnr_y" in names(found["Validation"])
        assert found["Scores"][0] == {"kind": "table", "title": "every image", "name": "scores"}


def test_only_suites_with_a_discriminator_have_its_curves(study):
    params, plan = study
    title = "Discriminator"
    with_players = {name for name in params.suites if title in dashboards.sections(params, plan, name)}
    assert "players" in with_players
    assert "pairings" not in with_players
    panels = dashboards.sections(params, plan, "players")[title]
    assert "train/discriminator/lr" in names(panels)


def test_bars_and_crops_are_those_of_the_tasks(study):
    params, plan = study
    found = names(dashboards.sections(params, plan, "pairings")["Scores"])
    for dataset in params.tasks["sr_x4"].test:
        assert f"scores/{dataset}/psnr_y" in found
    assert {f"test/crops/{name}" for name, crop in params.crops.items() if crop.task == "sr_x4"} <= set(found)


def test_without_the_package_it_says_what_to_install(monkeypatch, study):
    monkeypatch.setitem(__import__("sys").modules, "wandb_workspaces", None)
    with pytest.raises(UserError, match="uv pip install wandb-workspaces"):
        dashboards.save(*study)


def test_offline_there_is_nowhere_to_save(monkeypatch, study):
    monkeypatch.setattr(dashboards, "load_modules", dict)
    monkeypatch.setenv("WANDB_MODE", "offline")
    with pytest.raises(UserError, match="wandb login"):
        dashboards.save(*study)


class Saved:
    """What a workspace and a report have in common, kept in memory as a server would."""

    server: ClassVar = {}

    def __init__(self, url="", blocks=()):
        self.url, self.blocks = url, blocks

    @classmethod
    def from_url(cls, url):
        return cls(url, cls.server[url])

    def save(self):
        self.url = self.url or f"https://server/{len(self.server)}"
        self.server[self.url] = self.blocks


def test_saving_again_renews_what_was_saved(monkeypatch):
    monkeypatch.setattr(Saved, "server", {})
    known = {}
    for blocks in (["old"], ["new"]):
        told = dashboards._renew(Saved(blocks=blocks), known, "report mini", ("blocks",))
    assert Saved.server == {"https://server/0": ["new"]}
    assert told == "report mini: https://server/0"
    Saved.server.clear()
    dashboards._renew(Saved(blocks=["third"]), known, "report mini", ("blocks",))
    assert list(Saved.server.values()) == [["third"]]


def test_the_package_takes_every_panel(study):
    pytest.importorskip("wandb_workspaces", reason="wandb-workspaces is optional")
    modules, (params, plan) = dashboards.load_modules(), study
    for suite in params.suites:
        workspace = dashboards.build_workspace(modules, params, plan, suite, "somebody")
        assert [section.name for section in workspace.sections] == list(dashboards.sections(params, plan, suite))
        text = workspace._to_model().spec.model_dump_json(by_alias=True)
        assert f"suite:{suite}" in text
        assert "train/total" in text
    report = dashboards.build_report(modules, params, plan, "somebody")
    grids = [block for block in report.blocks if hasattr(block, "panels")]
    wanted = [panels for suite in params.suites for panels in dashboards.sections(params, plan, suite).values()]
    assert [len(grid.panels) for grid in grids] == [len(panels) for panels in wanted]
    assert {str(grid.runsets[0].name) for grid in grids} == set(params.suites)
    assert "suite:players" in str(grids[-1].runsets[0].filters) + str(grids[0].runsets[0].filters)
