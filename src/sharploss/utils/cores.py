"""The processor cores that this process may use."""

import os
from collections.abc import Sequence


def usable_cores() -> Sequence[int]:
    """Return their numbers; all of the machine's where the system does not say (macOS, Windows)."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return range(os.cpu_count() or 1)
