"""Every metric of every restored image, as tidy rows."""

import math
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import NamedTuple

import torch
from torch import Tensor

from sharploss.config.protocols import METRIC_INFO, WHOLE_SET, protocols_of
from sharploss.config.tasks import Task, border_of
from sharploss.data.pack import Pack, open_pack
from sharploss.metrics import METRICS, SET_METRICS, CachedImage, Measure
from sharploss.record.keys import pack_name
from sharploss.record.paths import StudyPaths
from sharploss.record.scores import Notes, Score, Scores, is_defined
from sharploss.utils.cores import claim_cores
from sharploss.utils.errors import AssetMissingError, UserError
from sharploss.utils.optional import progress_bar

Restorer = Callable[[Tensor], Tensor]  # from a degraded image, (3, h, w) uint8, to a restored one, (3, H, W) uint8
MOST_WORKERS = 8  # images that are measured at once on a processor, one a core; each takes memory
TRUTH = ""  # whose features the ground truth's are, where a run's key stands


class Measures(NamedTuple):
    """Metrics that were loaded: of an image, of a whole set, and why others were not."""

    of_image: dict[str, Measure]
    of_set: dict[str, Callable[[CachedImage], Tensor]]
    not_measured: dict[str, str]


class Sample(NamedTuple):
    """A test image: "<set>/<image>", what is to be restored, (3, h, w) uint8, and the ground truth."""

    name: str
    degraded: Tensor
    target: CachedImage


def open_test_packs(task_name: str, task: Task, files: StudyPaths) -> list[Pack]:
    """Open the packs of a task's test sets, then of its tuning sets; UserError where one is empty without a reason."""
    sets = [("test", name) for name in task.test] + [("tune", name) for name in task.tune]
    packs = [open_pack(files.pack(task_name, pack_name(role, name)), verify=True) for role, name in sets]
    for (role, name), pack in zip(sets, packs, strict=True):
        if list(pack.sets) != [name]:
            what = f"{pack.path} holds {', '.join(pack.sets)} where {name} belongs"
            raise UserError(f"{what}: delete it and run 'make repro' to make it again.")
        if not (len(pack) or pack.missing or pack.left_out):
            raise UserError(
                f"The {role} set {name} of {task_name} is empty: put images into it, or take it out of "
                f"tasks.{task_name}.{role} in params.yaml."
            )
    return packs


@cache
def load_measures(metrics: tuple[str, ...] = tuple(METRIC_INFO)) -> Measures:
    """Load metrics, those whose weights or packages can be had, once in a process."""
    found = Measures({}, {}, {})
    for name in metrics:
        try:
            if name in SET_METRICS:
                found.of_set[name] = SET_METRICS[name]()
            else:
                found.of_image[name] = METRICS[name]()
        except AssetMissingError as error:
            found.not_measured[name] = error.reason
    return found


def score_packs(
    packs: Sequence[Pack],
    restorers: Mapping[str, Restorer],
    *,
    task: Task,
    device: torch.device,
    title: str,
    on_image: Callable[[str, str, Tensor], None],
    metrics: Iterable[str] = tuple(METRIC_INFO),
) -> Scores:
    """Restore and measure every image of `packs` with every restorer; what is of the target alone is computed once.

    All rows are returned, image by image, last those of whole test sets, whose image is "*" (`WHOLE_SET`): a metric
    without a finite value on an image (MS-SSIM below 161 pixels, NIQE below two blocks or of one colour, a ratio to
    nothing, any where a network's output is not finite) is NaN there. `defined` leaves those out.

    `restorers` are what restores an image, by run; `on_image` is called with the image's name ("<set>/<image>"), the
    run and the restored image (3, H, W) uint8. UserError where one is too small, or not of its target's size.
    """
    start, measures = time.monotonic(), load_measures(tuple(metrics))
    rows: list[Score] = []
    features: dict[tuple[str, str, str], list[Tensor]] = {}
    total = len(restorers) * sum(len(pack) for pack in packs)
    workers = claim_cores(MOST_WORKERS) if device.type == "cpu" else 1
    with progress_bar(total=total, desc=title, unit="image") as progress, ThreadPoolExecutor(workers) as pool:
        for pack in packs:
            for index, name in enumerate(pack.names):
                sample = Sample(name, pack.input(index), CachedImage(pack.target(index)[None].to(device)))
                _add_features(features, name, TRUTH, _features(measures, sample.target))
                work = partial(_restore_and_measure, measures, task, sample)
                # As many at a time as are worked on: a restored image is let go before the next ones are made.
                for first in range(0, len(restorers), workers):
                    runs = list(restorers)[first : first + workers]
                    made = pool.map(work, runs, [restorers[run] for run in runs])
                    for run, (restored, found, parts) in zip(runs, made, strict=True):
                        on_image(name, run, restored)
                        rows += found
                        _add_features(features, name, run, parts)
                        progress.update()
    rows += _of_sets(features, task)
    notes = Notes(
        not_measured=measures.not_measured,
        missing_sets={name: reason for pack in packs for name, reason in (pack.missing | pack.left_out).items()},
        fid_patches={name: sum(map(len, parts)) for (_, name, run), parts in features.items() if run == TRUTH},
        seconds=round(time.monotonic() - start, 1),
    )
    return Scores(rows, notes)


def defined(scores: Scores) -> Scores:
    """Leave out the rows that are no scores, and note on which images a metric has no finite value.

    PSNR of equal images is infinite, and has a row and a note.
    """
    infinite: dict[str, dict[str, None]] = {}
    for row in scores.rows:
        if not math.isfinite(row.value):
            infinite.setdefault(row.metric, {})[f"{row.dataset}/{row.image}"] = None
    more = {metric: f" and {len(images) - 1} more" if len(images) > 1 else "" for metric, images in infinite.items()}
    reasons = {metric: f"it has no finite value on {next(iter(infinite[metric]))}{more[metric]}" for metric in infinite}
    kept = [row for row in scores.rows if is_defined(row.metric, row.value)]
    return Scores(kept, scores.notes.model_copy(update={"not_measured": scores.notes.not_measured | reasons}))


@torch.inference_mode()
def _restore_and_measure(
    measures: Measures, task: Task, sample: Sample, run: str, restorer: Restorer
) -> tuple[Tensor, list[Score], dict[str, Tensor]]:
    """Return the restored image, (3, H, W) uint8, its rows, and what metrics of whole sets need of it."""
    try:
        restored = restorer(sample.degraded)
    except FloatingPointError as error:
        print(f"warning: {run} on {sample.name}: {error}: it has no scores there", file=sys.stderr)
        nothing = CachedImage(torch.zeros_like(sample.target.image))
        parts = {name: part * math.nan for name, part in _features(measures, nothing).items()}
        rows = [*_rows(measures, run, sample.name, task, lambda _metric, _protocol: math.nan)]
        return nothing.image[0].cpu(), rows, parts
    wanted = sample.target.image.shape[-2:]
    if restored.shape[-2:] != wanted:
        sizes = ["x".join(map(str, size)) for size in (restored.shape[-2:], wanted)]
        what = f"{run} gives {sizes[0]} pixels where the ground truth has {sizes[1]}"
        cure = "check the task's scale, and run 'make repro' to pack its images again"
        raise UserError(f"{sample.name}: {what}: {cure}.")
    output = CachedImage(restored[None].to(sample.target.image.device))

    def value(metric: str, protocol: str) -> float:
        return measures.of_image[metric](output, sample.target, protocol, border_of(task.scale)).item()

    try:
        return restored, [*_rows(measures, run, sample.name, task, value)], _features(measures, output)
    except UserError as error:
        raise UserError(f"{sample.name}: {error}") from None


def _rows(measures: Measures, run: str, name: str, task: Task, value: Callable[[str, str], float]) -> Iterator[Score]:
    """Return a row for each metric and protocol of one image, `value` being what says the number."""
    dataset, image = name.split("/", 1)
    for metric in measures.of_image:
        for protocol in protocols_of(metric, task):
            yield Score(run, dataset, image, metric, protocol, value(metric, protocol))


@torch.inference_mode()
def _features(measures: Measures, images: CachedImage) -> dict[str, Tensor]:
    return {metric: features_of(images) for metric, features_of in measures.of_set.items()}


def _add_features(
    features: dict[tuple[str, str, str], list[Tensor]], image: str, run: str, parts: Mapping[str, Tensor]
) -> None:
    for metric, part in parts.items():
        features.setdefault((metric, image.split("/", 1)[0], run), []).append(part)


def _of_sets(features: Mapping[tuple[str, str, str], Sequence[Tensor]], task: Task) -> list[Score]:
    """Compare every run's features of a test set with the ground truth's."""
    from sharploss.metrics.fid import frechet_distance

    rows: list[Score] = []
    for (metric, dataset, run), parts in features.items():
        if run != TRUTH:
            found, wanted = torch.cat(list(parts)), torch.cat(list(features[metric, dataset, TRUTH]))
            value = frechet_distance(found, wanted) if found.isfinite().all() else math.nan
            rows += [Score(run, dataset, WHOLE_SET, metric, protocol, value) for protocol in protocols_of(metric, task)]
    return rows
