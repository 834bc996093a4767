"""The most that a study may ask for: far above what anybody trains, and low enough that reading it ends, and soon.

A slip of the finger (`blocks: 1000000`) is told when the study is planned, not by a machine that stands still.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from sharploss.utils.errors import cut

LETTERS = 60
"""Letters of a name: four of them and a seed make the name of a file."""

ENTRIES = 1000
"""Names in one section, and items in one list."""

RUNS = 10_000
"""Runs in a study: one file of locks cannot serve more (docs/scale.md)."""

STARTS = 20
"""Runs that start from one another in a row."""

SEED = 2**32 - 1
STEPS = 10**9
PATCH = 1024
PIXELS = 1 << 24
"""Pixels of the inputs of one step: batch times patch squared. The largest that a paper trains with has 1 << 20."""

INTEGER = 4096
"""An integer parameter of a network or a loss, such as a width."""

REPEATED = {"blocks": 256, "depth": 256, "hashes": 256, "scales": 16, "steps": 256}
"""Parameters that say how often something is built or done."""

WEIGHT = 10**9
WEIGHTS = ("weight", "alpha", "layers")
"""Parameters of a loss that multiply: integers among them are as good as any other number."""


def excess(parameters: Mapping[str, Any], largest: int = INTEGER) -> str:
    """Say which parameter of a network or a loss is out of all bounds; "" when none is.

    Args:
        parameters: by name; a value can be a mapping or list of further ones.
        largest: what an integer may be whose name says nothing else.
    """
    for name, value in parameters.items():
        most = WEIGHT if name in WEIGHTS else REPEATED.get(name, largest)
        wrong = _excess(value, most)
        if wrong:
            return f"{name}{wrong}"
    return ""


def _excess(value: Any, most: int) -> str:
    if isinstance(value, Mapping | list | str) and len(value) > ENTRIES:
        return f" is longer than {ENTRIES}"
    if isinstance(value, Mapping):
        wrong = excess(value, most)
        return wrong and f".{wrong}"
    if isinstance(value, list):
        return _first(_excess(item, most) for item in value)
    return f" is {shown(value)}, and at most {most} goes" if isinstance(value, int) and abs(value) > most else ""


def _first(texts: Iterable[str]) -> str:
    return next(filter(None, texts), "")


def shown(value: object) -> str:
    """Quote a value of the file, in as much as one sentence holds."""
    return cut(repr(value))
