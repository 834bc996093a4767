from typing import ClassVar

import pytest

from finished_study import KEY, make
from sharploss.tracking import dashboards, publish
from sharploss.tracking.content import content_of
from sharploss.utils.errors import UserError


@pytest.fixture
def study(repository, tmp_path):
    """Parameters of a study, and what was sent of a run of its suites."""
    params, plan = make(repository, tmp_path)
    keys = publish.sent_keys(content_of(params, plan, KEY, tmp_path))
    return params, dict.fromkeys(plan["runs"][KEY]["suites"], keys)


def test_every_panel_shows_a_value_that_was_sent(study):
    _, suites = study
    keys = suites["pairings"]
    found = dashboards.panels(keys)
    assert {key for section in found.values() for _, key in section} <= set(keys)
    assert ("lines", "train/terms/sploss") in found["Training"]
    assert found["Validation"] == [("lines", "validation/psnr_y"), ("media", "validation/pictures")]
    assert found["Scores"] == [("table", "scores"), ("bars", "scores/set5/psnr_y"), ("bars", "scores/set5/ssim_y")]
    assert found["Crops"] == [("media", "test/crops/eye")]
    assert "Discriminator" not in found


def test_the_keys_of_scores_and_discriminators_are_recognised():
    found = dashboards.panels(["scores/set5/lpips_alex_v0.1", "scores/set5/niqe_y", "train/discriminator/lr"])
    assert found == {
        "Scores": [("bars", "scores/set5/lpips_alex_v0.1")],
        "Discriminator": [("lines", "train/discriminator/lr")],
    }


def test_without_the_package_it_says_what_to_install(monkeypatch, study):
    monkeypatch.setitem(__import__("sys").modules, "wandb_workspaces", None)
    with pytest.raises(UserError, match=r'pip install "sharploss\[dashboards\]"'):
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


def test_saving_again_replaces_what_was_saved(monkeypatch):
    monkeypatch.setattr(Saved, "server", {})
    known = {}
    for blocks in (["old"], ["new"]):
        place = dashboards._save(Saved(blocks=blocks), known, "report mini")
    assert Saved.server == {"https://server/0": ["new"]}
    assert place == "report mini: https://server/0"
    Saved.server.clear()
    dashboards._save(Saved(blocks=["third"]), known, "report mini")
    assert list(Saved.server.values()) == [["third"]]


def test_the_package_takes_every_panel(study):
    pytest.importorskip("wandb_workspaces", reason="wandb-workspaces is optional")
    params, suites = study
    built = dashboards.build(dashboards.load_modules(), params, suites, "somebody")
    assert set(built) == {*(f"workspace {suite}" for suite in suites), "report mini"}
    text = built["workspace pairings"]._to_model().spec.model_dump_json(by_alias=True)
    assert "suite:pairings" in text
    assert "scores/set5/psnr_y" in text
    grids = [block for block in built["report mini"].blocks if hasattr(block, "panels")]
    wanted = [panels for keys in suites.values() for panels in dashboards.panels(keys).values()]
    assert [len(grid.panels) for grid in grids] == [len(panels) for panels in wanted]
    assert {str(grid.runsets[0].name) for grid in grids} == set(suites)
