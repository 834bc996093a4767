"""Whether anything that a study measures was learnt from what it is measured on."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

from sharploss.assets.catalogue import ASSETS
from sharploss.assets.leakage import leak
from sharploss.config.check_names import mdf_weights
from sharploss.config.recipe import Start
from sharploss.config.suites import Suite
from sharploss.config.tasks import Task
from sharploss.utils.errors import UserError

if TYPE_CHECKING:
    from sharploss.config.params import Params


def check_leakage(params: "Params") -> None:
    """Refuse training on what is tested on: by a run, by the run it starts from, and by an extractor.

    Raises:
        UserError: the message gives the place and the data set.
    """
    for name, task in params.tasks.items():
        reason = leak(_learnt_from(task), task.test)
        if reason:
            raise UserError(f"tasks.{name}: {reason}: leave one of the two out.")
        reason = _tuning_leak(task)
        if reason:
            raise UserError(f"tasks.{name}.tune: {reason}: choose weights by another set.")
    for name, extractor in params.extractors.items():
        reason = _extractor_leak(params, name, params.tasks[extractor.task])
        if reason:
            raise UserError(f"extractors.{name}.image: {reason}: name an image of another set.")
    for name, suite in params.suites.items():
        _check_suite(params, name, suite)


def _check_suite(params: "Params", name: str, suite: Suite) -> None:
    """Refuse weights that have learnt from what is tested on: those started from, and extractors'."""
    for task in suite.tasks:
        losses = list(suite.losses)
        for start in _starts(params, suite.recipe):
            losses.append(start.loss)
            reason = leak(_learnt_from(params.tasks[start.task or task]), params.tasks[task].test)
            if reason:
                raise UserError(
                    f"suites.{name}: {task} starts from {start.task}, and {reason}: start from another task."
                )
        used = [weights for loss in losses for weights in mdf_weights(params.losses[loss])]
        for extractor in (extractor for extractor in params.extractors if extractor in used):
            reason = _extractor_leak(params, extractor, params.tasks[task])
            if reason:
                raise UserError(f"suites.{name}: {task} uses extractors.{extractor}, and {reason}: take another image.")


def _tuning_leak(task: Task) -> str | None:
    """Return why weights must not be chosen by a task's tuning sets.

    To choose by images is to learn from them. A single image that is known to be tested on is left out instead.
    """
    for name in task.tune:
        twins = ASSETS[name].twins.values() if name in ASSETS else ()
        tested = leak([name], [other for other in task.test if other not in twins])
        learnt = leak(_learnt_from(task), [name])
        if tested or learnt:
            how = "tested on" if tested else "learnt from"
            return f"weights are chosen by {name}, which is also {how} ({tested or learnt})"
    return None


def _learnt_from(task: Task) -> list[str]:
    return [*task.train, *task.validation]


def _extractor_leak(params: "Params", extractor: str, task: Task) -> str | None:
    return leak([params.extractors[extractor].image.split("/", 1)[0]], task.test)


def _starts(params: "Params", recipe: str) -> Iterator[Start]:
    """Return what a run with this recipe starts from, and what that starts from; `check_names` has seen it end."""
    start = params.recipes[recipe].start
    while start is not None:
        yield start
        start = params.recipes[start.recipe].start
