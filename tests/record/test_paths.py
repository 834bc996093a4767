import re
from pathlib import Path

import pytest

from sharploss.record.keys import crop_file, run_key, stage_name, variant_of
from sharploss.record.paths import PUBLISHED, paths

RUN = {"task": "sr_x4", "network": "edsr", "loss": "l1", "recipe": "mini", "seed": 0}


def test_all_that_a_study_makes_has_its_name():
    files = paths("mini", Path("/folder"))
    assert files.weights("sr_x4-edsr", "k") == Path("/folder/results/mini/weights/sr_x4-edsr/k.safetensors")
    assert files.crop("sr_x4-edsr", "eye", "l1") == Path("/folder/results/mini/crops/sr_x4-edsr/eye-l1.png")
    made = [files.results, files.reports, files.data]
    every = [files.run("k").metrics, files.claims, files.page, files.tables, files.code, files.pack("t", "train")]
    assert all(any(folder in path.parents for folder in made) for path in every)


def test_the_published_numbers_belong_to_no_study():
    assert paths(PUBLISHED.name).results == PUBLISHED  # so that no study may have this name: config.params.RESERVED


def test_a_recipe_other_than_the_studys_is_part_of_the_key():
    assert run_key("mini", RUN) == "sr_x4-edsr-l1-s0"
    assert run_key("mini", {**RUN, "recipe": "long"}) == "sr_x4-edsr-l1-long-s0"
    assert stage_name("train", "mini", run_key("mini", RUN)) == "train@mini-sr_x4-edsr-l1-s0"


@pytest.mark.parametrize(
    ("key", "variant"),
    [("sr_x4-edsr-l1-s0", "l1"), ("sr_x4-edsr-l1-s12", "l1"), ("sr_x4-edsr-esrgan-mini_gan-s0", "esrgan-mini_gan")],
)
def test_a_variant_is_what_seeds_have_in_common(key, variant):
    assert variant_of(key, "sr_x4-edsr") == variant
    assert crop_file("eye", variant) == f"eye-{variant}.png"


def test_no_other_module_builds_a_path_of_a_study(repository):
    """Paths of results, reports and data are built in record/paths.py, names of runs and crops in record/keys.py."""
    built = re.compile(
        r"""(?<!"")["'](results|reports)(/[^"' ]*)?["']|(Path\(|/ )"data|["']data/|rsplit\("-s"|\{crop[^}]*\}-"""
    )
    package = repository / "src/sharploss"
    found = {
        f"{file.relative_to(package).as_posix()}: {line.strip()}"
        for file in package.rglob("*.py")
        for line in file.read_text(encoding="utf-8").splitlines()
        if built.search(line)
    }
    assert {line for line in found if not line.startswith(("record/paths.py", "record/keys.py"))} == set()
    assert len(found) >= 7  # what is built there is found
