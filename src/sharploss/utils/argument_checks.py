"""Checks of the arguments of losses and networks: each failure is a ValueError that names the argument."""

import difflib
import math
from typing import Any


def check_choice(name: str, value: Any, choices: tuple[object, ...]) -> None:
    """Require `value` to be one of `choices`; the message names the nearest to a misspelt one."""
    # 1 == True, so a membership test alone would let booleans pass for numbers.
    if isinstance(value, bool) or value not in choices:
        near = difflib.get_close_matches(str(value), [choice for choice in choices if isinstance(choice, str)], 1)
        hint = f": did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, not {value!r}{hint}")


def check_number(name: str, value: Any, *, minimum: float) -> None:
    """Require `value` to be a finite number of at least `minimum`."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value) or value < minimum:
        raise ValueError(f"{name} must be a finite number of at least {minimum:g}, not {value!r}{yaml_hint(value)}")


def check_integer(name: str, value: Any, *, minimum: int) -> None:
    """Require `value` to be an integer of at least `minimum`."""
    if not isinstance(value, int) or isinstance(value, bool) or value < minimum:
        raise ValueError(f"{name} must be an integer of at least {minimum}, not {value!r}")


def check_odd(name: str, value: Any) -> None:
    """Require `value` to be an odd integer of at least 1."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1 or value % 2 == 0:
        raise ValueError(f"{name} must be an odd integer of at least 1, not {value!r}")


def check_flag(name: str, value: Any) -> None:
    """Require `value` to be True or False."""
    if not isinstance(value, bool):
        raise ValueError(f"{name} must be true or false, not {value!r}")


def yaml_hint(value: object) -> str:
    """Explain the text that YAML makes of numbers such as 1e-3."""
    try:
        number = float(value) if isinstance(value, str) else math.nan
    except ValueError:
        return ""
    return f" (text: in YAML write {number!r})" if math.isfinite(number) else ""
