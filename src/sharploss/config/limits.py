"""The most that a study may ask for: far above what anybody trains, and low enough that reading it ends, and soon.

A slip of the finger (`blocks: 1000000`) shows when the study is read, not by a machine that stands still.
"""

import math
from collections.abc import Mapping
from typing import Any

from sharploss.utils.errors import shown

LETTERS = 60  # of a name: four of them and a seed make the name of a file
ENTRIES = 1000  # names in one section, and items in one list
RUNS = 10_000  # in a study: one file of locks cannot serve more (docs/scale.md)
STARTS = 20  # runs that start from one another in a row
SEED = 2**32 - 1
STEPS = 10**9
PATCH = 1024
PIXELS = 1 << 24  # of the inputs of one step, batch times patch squared; the largest that a paper trains with: 1 << 20
INTEGER = 4096  # a parameter of a network or a loss, such as a width
REPEATED = {"blocks": 256, "depth": 256, "hashes": 256, "scales": 16, "steps": 256}  # how often something is done
WEIGHT = 10**9
MULTIPLIERS = ("alpha", "layers")  # parameters that multiply, as a weight does


def exceeds_limit(parameters: Mapping[str, Any], maximum: int = INTEGER) -> str:
    """Return which parameter of a network or a loss no machine can use, as "width is 10000; the maximum is 4096".

    It is "" where all are within their limits; `maximum` is that of integers whose names this module does not list.
    """
    for name, value in parameters.items():
        problem = _exceeds(value, WEIGHT if name in MULTIPLIERS else REPEATED.get(name, maximum))
        if problem:
            return f"{name}{problem}"
    return ""


def _exceeds(value: Any, maximum: int) -> str:
    if isinstance(value, Mapping | list | str) and len(value) > ENTRIES:
        return f" has {len(value)} entries; the maximum is {ENTRIES}"
    if isinstance(value, Mapping):
        problem = exceeds_limit(value, maximum)
        return problem and f".{problem}"
    if isinstance(value, list):
        return next(filter(None, (_exceeds(item, maximum) for item in value)), "")
    if isinstance(value, float) and not math.isfinite(value):
        return f" is {value}; a finite number is needed"
    return f" is {shown(value)}; the maximum is {maximum}" if isinstance(value, int) and abs(value) > maximum else ""
