"""What several tests of faults share."""

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[2]


def neighbour(path):
    """Import a helper of another folder of tests by its file."""
    spec = importlib.util.spec_from_file_location(f"faults_{Path(path).stem}", ROOT / "tests" / path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
