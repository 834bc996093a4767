"""The learning rate as a pure function of the step, so that a resumed run needs no scheduler state."""

import math
from typing import Any


def learning_rate(step: int, recipe: dict[str, Any]) -> float:
    """Give the learning rate of optimiser step `step`, counted from 0.

    Args:
        step: 0 to steps - 1.
        recipe: `learning_rate`, `steps`, `warmup`, `schedule` and its parameters (see sharploss.config.params.Recipe).

    Returns:
        Linear rise over `warmup` steps, times the schedule: `constant`; `cosine`, from 1 down to `final_fraction` at
        the last step, `cycles` times over (BasicSR's restarts: 4 cycles of 250,000 steps for RRDBNet); `multistep`,
        times `gamma` at each milestone passed.
    """
    warmup = int(recipe["warmup"])
    rise = min(1.0, (step + 1) / (warmup + 1))
    return float(recipe["learning_rate"]) * rise * _decay(step, recipe)


def _decay(step: int, recipe: dict[str, Any]) -> float:
    if recipe["schedule"] == "cosine":
        done, length = max(0, step - recipe["warmup"]), max(1, recipe["steps"] - recipe["warmup"]) / recipe["cycles"]
        progress = min(1.0, done % length / max(1, length - 1))
        low = float(recipe["final_fraction"])
        return low + (1 - low) * (1 + math.cos(math.pi * progress)) / 2
    if recipe["schedule"] == "multistep":
        return float(recipe["gamma"]) ** sum(step >= milestone for milestone in recipe["milestones"])
    return 1.0
