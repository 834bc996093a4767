"""The learning rate as a pure function of the step, so that a resumed run needs no scheduler state."""

import math

from sharploss.config.recipe import Optimisation


def learning_rate(step: int, settings: Optimisation, steps: int) -> float:
    """Return the learning rate of optimiser step `step`, counted from 0.

    It rises over `warmup` steps and follows the schedule of `steps` steps: `constant`; `cosine`, from 1 down to
    `final_fraction` at the last step, `cycles` times over (BasicSR's restarts: 4 cycles of 250,000 steps for RRDBNet);
    `multistep`, times `gamma` at each milestone passed.
    """
    rise = min(1.0, (step + 1) / (settings.warmup + 1))
    return settings.learning_rate * rise * _decay(step, settings, steps)


def _decay(step: int, settings: Optimisation, steps: int) -> float:
    if settings.schedule == "cosine":
        done, length = max(0, step - settings.warmup), max(1, steps - settings.warmup) / settings.cycles
        progress = min(1.0, done % length / max(1, length - 1))
        low = settings.final_fraction
        return low + (1 - low) * (1 + math.cos(math.pi * progress)) / 2
    if settings.schedule == "multistep":
        return settings.gamma ** sum(step >= milestone for milestone in settings.milestones)
    return 1.0
