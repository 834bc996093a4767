"""What `import sharploss.losses` and its neighbours pull in: torch, numpy and pydantic, and nothing of the study's."""

import subprocess
import sys

import pytest

HEAVY = {
    *("dvc", "wandb", "pandas", "matplotlib", "lpips", "pyiqa", "skimage"),
    *("torchvision", "requests", "pooch", "scipy"),
}


@pytest.mark.parametrize("room", ["losses", "networks", "metrics", "data"])
def test_it_imports_nothing_of_the_studys_heavy_packages(room):
    code = f"import sys, sharploss.{room}; print(*{{name.split('.')[0] for name in sys.modules}})"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert "torch" in loaded
    assert not HEAVY & set(loaded)
