"""What `import sharploss.losses` and its neighbours pull in: torch, numpy and pydantic, and nothing of the study's."""

import subprocess
import sys

import pytest

HEAVY = {
    *("dvc", "wandb", "pandas", "matplotlib", "lpips", "pyiqa", "skimage"),
    *("torchvision", "requests", "pooch", "scipy"),
}


@pytest.mark.slow
def test_rooms_for_use_alone_import_nothing_of_the_studys_heavy_packages():
    rooms = ", ".join(f"sharploss.{room}" for room in ("losses", "networks", "metrics", "data"))
    code = f"import sys, {rooms}; print(*{{name.split('.')[0] for name in sys.modules}})"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert "torch" in loaded
    assert not HEAVY & set(loaded)
