from typing import ClassVar

import pytest

from finished_study import make
from sharploss.tracking import dashboards
from sharploss.tracking.follower import VALUES
from sharploss.utils.errors import UserError
from sharploss.utils.files import write_json

KEYS = (
    "train/total",
    "train/terms/sploss",
    "validation/psnr_y",
    "validation/pictures",
    "scores",
    "scores/set5/psnr_y",
    "scores/set5/lpips_alex_v0.1",
    "scores/set5/niqe_y",
    "images",
    "test/crops/eye",
    "config/network",
    "config/loss",
    "config/alpha",
)


@pytest.fixture
def study(repository, tmp_path):
    """Parameters of a study, and what was sent of runs of its suites."""
    params, plan = make(repository, tmp_path)
    return params, dict.fromkeys(plan["runs"]["sr_x4-edsr-sploss-s0"]["suites"], KEYS)


def test_every_panel_shows_values_that_were_sent():
    found = dashboards.panels(KEYS)
    assert {name for section in found.values() for panel in section for name in panel.names} <= set(KEYS)
    assert found["Training"] == [("lines", ("train/total",)), ("lines", ("train/terms/sploss",))]
    assert found["Validation"] == [("lines", ("validation/psnr_y",)), ("media", ("validation/pictures",))]
    assert found["Crops"] == [("table", ("images",)), ("media", ("test/crops/eye",))]
    psnr, lpips = "scores/set5/psnr_y", "scores/set5/lpips_alex_v0.1"
    assert found["Scores"] == [("table", ("scores",)), ("bars", (psnr,)), ("bars", (lpips,))]
    assert found["Trade-off"] == [("scatter", (psnr, lpips))]
    assert found["Alpha"] == [("scatter", ("config/alpha", psnr)), ("scatter", ("config/alpha", lpips))]
    assert found["Settings"] == [("parallel", ("config/network", "config/loss", psnr, lpips))]


@pytest.mark.parametrize("missing", KEYS)
def test_no_panel_asks_for_what_was_not_sent(missing):
    found = dashboards.panels([key for key in KEYS if key != missing])
    assert missing not in {name for section in found.values() for panel in section for name in panel.names}


def test_the_keys_of_discriminators_are_recognised():
    assert dashboards.panels(["train/discriminator/lr"]) == {"Discriminator": [("lines", ("train/discriminator/lr",))]}


def test_the_keys_are_those_of_runs_that_were_sent(tmp_path, monkeypatch):
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))

    def write(folder, names, study="mini", tag="suite:one"):
        path = tmp_path / "wandb" / folder / VALUES
        write_json(path, {"study": study, "key": "K", "tags": [tag], "names": names})
        return path.parent

    write("run-20260101_000000-K-ab", ["config/alpha", "train/total"])
    write("run-20260102_000000-K-ab", ["config/alpha", "scores/set5/lpips_alex_v0.1"])
    write("run-20260102_000000-L-ab", ["a"], study="other")
    write("offline-run-20260102_000000-K-ab", ["b"])
    (write("offline-run-20260103_000000-K-ab", ["c"], tag="suite:two") / "run-K-ab.wandb.synced").touch()
    assert dashboards.sent("mini", ["K"]) == {
        "suite:one": ["config/alpha", "train/total", "scores/set5/lpips_alex_v0.1"],
        "suite:two": ["c"],
    }
    assert dashboards.sent("mini", ["M"]) == {}


def test_nothing_that_was_sent_is_told(tmp_path, monkeypatch, study):
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.setenv("WANDB_MODE", "online")
    monkeypatch.setattr(dashboards, "load_modules", dict)
    with pytest.raises(UserError, match="has no run of this study that was sent: run 'python -m sharploss publish'"):
        dashboards.save(study[0], ["K"])


def test_without_the_package_it_says_what_to_install(monkeypatch, study):
    monkeypatch.setitem(__import__("sys").modules, "wandb_workspaces", None)
    with pytest.raises(UserError, match=r'pip install "sharploss\[dashboards\]"'):
        dashboards.save(study[0], [])


def test_offline_there_is_nowhere_to_save(monkeypatch, study):
    monkeypatch.setattr(dashboards, "load_modules", dict)
    monkeypatch.setenv("WANDB_MODE", "offline")
    with pytest.raises(UserError, match="wandb login"):
        dashboards.save(study[0], [])


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
    for part in ("config:alpha.value", "config:loss.value", "summary:scores/set5/lpips_alex_v0.1"):
        assert part in text, part
    wanted = [panels for keys in suites.values() for panels in dashboards.panels(keys).values()]
    assert [len(grid.panels) for grid in grids] == [len(panels) for panels in wanted]
    assert {str(grid.runsets[0].name) for grid in grids} == set(suites)
