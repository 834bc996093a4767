"""Whether anything that a study measures was learnt from what it is measured on."""

from collections.abc import Iterator

from sharploss.assets.catalogue import ASSETS
from sharploss.assets.leakage import leak
from sharploss.config.check_names import mdf_weights
from sharploss.config.recipe import Start
from sharploss.config.sections import Sections
from sharploss.config.tasks import Task
from sharploss.utils.errors import UserError


def check_leakage(params: Sections) -> None:
    """Refuse training on what is tested on: by a run, by the run it starts from, and by an extractor."""
    for where, learnt, task, remedy in _uses(params):
        if reason := leak(learnt, task.test):
            raise UserError(f"{where}{reason}: {remedy}.")
    for name, task in params.tasks.items():
        if reason := _tuning_leak(task):
            raise UserError(f"tasks.{name}.tune: {reason}: choose weights by another set.")


def _uses(params: Sections) -> Iterator[tuple[str, list[str], Task, str]]:
    """List where weights meet a task: place, the sets that the weights have learnt from, task, what to do instead."""
    images = {name: [extractor.image.split("/", 1)[0]] for name, extractor in params.extractors.items()}
    for name, task in params.tasks.items():
        yield f"tasks.{name}: ", _learnt_from(task), task, "leave one of the two out"
    for name, image in images.items():
        task = params.tasks[params.extractors[name].task]
        yield f"extractors.{name}.image: ", image, task, "name an image of another set"
    for name, suite in params.suites.items():
        starts = [*_starts(params, suite.recipe)]
        losses = [*suite.losses, *(start.loss for start in starts)]
        used = [weights for loss in losses for weights in mdf_weights(params.losses[loss])]
        for key in suite.tasks:
            where, task = f"suites.{name}: {key}", params.tasks[key]
            for start in starts:
                learnt = _learnt_from(params.tasks[start.task or key])
                yield f"{where} starts from {start.task}, and ", learnt, task, "start from another task"
            for extractor, image in images.items():
                if extractor in used:
                    yield f"{where} uses extractors.{extractor}, and ", image, task, "take another image"


def _tuning_leak(task: Task) -> str | None:
    """Return why weights must not be chosen by a task's tuning sets: to choose by images is to learn from them."""
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


def _starts(params: Sections, recipe: str) -> Iterator[Start]:
    """Return what a run with this recipe starts from, and what that starts from; `check_names` has seen it end."""
    start = params.recipes[recipe].start
    while start is not None:
        yield start
        start = params.recipes[start.recipe].start
