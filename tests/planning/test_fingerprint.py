import importlib
import sys
import textwrap

import pytest

from sharploss.planning.fingerprint import fingerprint, used_modules


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package named sharploss_toy whose imports `fingerprint` follows like sharploss's own."""
    folder = tmp_path / "sharploss_toy"
    folder.mkdir()
    for name, text in {
        "__init__": "",
        "loop": "from sharploss_toy import patches\nfrom sharploss_toy.losses import build\ndef train(): return 1\n",
        "patches": "def batch(): return 1\n",
        "losses": "def build(): return 1\n",
        "metric": "def psnr(): return 1\n",
    }.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    yield folder
    for name in [name for name in sys.modules if name.startswith("sharploss_toy")]:
        del sys.modules[name]


def write(package, name, text):
    (package / f"{name}.py").write_text(textwrap.dedent(text))


def test_what_is_imported_counts(package):
    before = fingerprint(["sharploss_toy.loop"])
    write(package, "patches", "def batch(): return 2\n")
    assert fingerprint(["sharploss_toy.loop"]) != before


def test_what_is_not_imported_does_not_count(package):
    before = fingerprint(["sharploss_toy.loop"])
    write(package, "metric", "def psnr(): return 2\n")
    assert fingerprint(["sharploss_toy.loop"]) == before


def test_what_is_left_out_does_not_count(package):
    before = fingerprint(["sharploss_toy.loop"], without=["sharploss_toy.losses"])
    write(package, "losses", "def build(): return 2\n")
    assert fingerprint(["sharploss_toy.loop"], without=["sharploss_toy.losses"]) == before


LOOP = """
from sharploss_toy.{patches} import batch
from sharploss_toy.{losses} import build as made
def train(): return batch() + made()
"""


def test_a_module_s_name_and_place_do_not_count(package):
    write(package, "loop", LOOP.format(patches="patches", losses="losses"))
    before = fingerprint(["sharploss_toy.loop"])
    (package / "room").mkdir()
    (package / "room/__init__.py").write_text("")
    (package / "patches.py").rename(package / "room/a_batch.py")
    (package / "losses.py").rename(package / "a_term.py")
    (package / "loop.py").unlink()
    write(package, "training", LOOP.format(patches="room.a_batch", losses="a_term"))
    importlib.invalidate_caches()
    assert fingerprint(["sharploss_toy.training"]) == before


def test_the_same_name_from_another_module_counts(package):
    write(package, "other", "def batch(): return 2\n")
    write(package, "loop", LOOP.format(patches="patches", losses="losses"))
    before = fingerprint(["sharploss_toy.loop"])
    write(package, "loop", LOOP.format(patches="other", losses="losses"))
    assert fingerprint(["sharploss_toy.loop"]) != before


def test_modules_that_import_one_another_have_a_fingerprint(package):
    write(package, "patches", "def batch():\n    from sharploss_toy.loop import train\n    return train\n")
    assert fingerprint(["sharploss_toy.loop"]) == fingerprint(["sharploss_toy.loop"])


def test_comments_docstrings_and_layout_do_not_count(package):
    before = fingerprint(["sharploss_toy.patches"])
    write(
        package,
        "patches",
        '''
        """A module."""
        def batch():
            """Give one."""
            # one
            return (1)
    ''',
    )
    assert fingerprint(["sharploss_toy.patches"]) == before


# As sharploss.planning.stage_files leaves out: what a run uses of losses and networks is in files of their own.
REGISTRIES = ["sharploss.losses", "sharploss.losses.adversarial", "sharploss.networks"]


def modules(*names):
    return used_modules(names, without=REGISTRIES)


def test_training_code_is_found_and_plumbing_is_not():
    found = modules("sharploss.training.loop")
    assert {"sharploss.training.loop", "sharploss.training.schedule", "sharploss.data.patches"} <= found
    others = ("sharploss.losses", "sharploss.networks", "sharploss.tracking.follower", "sharploss.config.params")
    assert [name for name in found if name.startswith(others)] == ["sharploss.losses.weighted_sum"]


def test_adding_a_metric_does_not_change_the_training_code():
    found = {name for name in modules("sharploss.training.loop") if name.startswith("sharploss.metrics")}
    assert found == {"sharploss.metrics.psnr", "sharploss.metrics.cached_image"}
    assert "sharploss.config.protocols" not in modules("sharploss.training.loop")


def test_evaluation_uses_the_filters_of_the_losses():
    found = modules("sharploss.evaluation.group")
    assert {"sharploss.metrics.ssim", "sharploss.functional.filters", "sharploss.losses.sploss"} <= found
