"""The record of a run: metrics.json (the result), provenance.json (how it came about), typed."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from sharploss.record.paths import RunFiles
from sharploss.utils.errors import UserError
from sharploss.utils.files import read_json, write_json
from sharploss.utils.models import Model, describe_problem

Status = Literal["finished", "diverged", "not_trained"]


class JsonRecord(BaseModel):
    """A record that is kept as JSON."""

    # What a later version added does no harm to an earlier one.
    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class Divergence(JsonRecord):
    """Which term of the loss was not finite first, and at which step."""

    term: str
    step: int


class Metrics(JsonRecord):
    """The result of a training: the same on every machine that computes the same.

    Attributes:
        status: finished; diverged; or not_trained, for want of weights that its loss needs.
        step: the step of the weights that were kept.
        validation: {"psnr_y": dB} at the last validation; None where there was none.
        terms: the last means of the unweighted terms.
        diverged: where the training came to a non-finite number.
        reason: why it was not trained, one sentence.
        cure: what to do about the reason, where that is known.
    """

    status: Status
    step: int = 0
    validation: dict[str, float | None] = {}
    terms: dict[str, float | None] | None = None
    diverged: Divergence | None = None
    reason: str | None = None
    cure: str | None = None

    @property
    def failure(self) -> str:
        """Say why the run has no scores; "" when it has."""
        if self.status == "not_trained":
            return f"not trained: {self.reason}"
        return f"diverged ({self.diverged.term} at step {self.diverged.step})" if self.diverged else ""


class Provenance(JsonRecord):
    """The circumstances of a training.

    Attributes:
        started: ISO 8601, UTC.
        seconds: of training, those before a resume included.
        steps_per_second, patches_per_second: of the optimiser.
        memory: the most of a GPU's that the training held at once, in GB; 0 where that is not known.
        device, hardware, versions, commit: what computed.
        processor: its name, family, model and stepping, of which virtual machines' names say little.
        instruction_sets: the one that torch computes with, then all that libraries choose among.
        threads: that a sum could be split among.
        processes: that shared each batch.
        parameters: of the network.
        backbones: {term: the weights that it was computed with}.
        config: the resolved run: task, network, loss, recipe and seed.
        identity: the hash of the settings, data, code and weights that the run was made from.
        packs: {role: sha256 of the packed images}.
        start, extractor: sha256 of the weights that it started from, and of its MDF discriminators.
        left_out: {training image: why nothing was learnt from it}.
        fresh: weights that began from random numbers, though the run started from another.
        form, form_reason: of the training step (sharploss.training.step), and why not a faster one.
        replays: steps that were replays of a CUDA graph, those before a resume included.
        imported, partial: the folder that it was imported from, and what was lacking there (`launch.importing`).
    """

    started: str
    seconds: float
    steps_per_second: float
    patches_per_second: float | None = None
    memory: float = 0.0
    device: str
    hardware: str
    processor: str = ""
    instruction_sets: str = ""
    threads: int = 0
    versions: dict[str, str]
    commit: str
    processes: int = 1
    parameters: int
    backbones: dict[str, str] = {}
    config: dict[str, Any]
    identity: str = ""
    packs: dict[str, str] = {}
    start: str | None = None
    extractor: str | None = None
    left_out: dict[str, str] = {}
    fresh: list[str] = []
    form: str = ""
    form_reason: str = ""
    replays: int = 0
    imported: str = ""
    partial: list[str] = []


class _Config(JsonRecord):
    config: dict[str, Any]


@dataclass(frozen=True)
class RunRecord:
    """All that a run says of itself but its curves (`record.history`); `provenance` is None where nothing trained."""

    key: str
    metrics: Metrics
    provenance: Provenance | None


def load_run(files: RunFiles, key: str) -> RunRecord:
    """Read the record of a run.

    Raises:
        UserError: a file is missing or damaged; the message names it. A run that was not trained needs no provenance.
    """
    metrics = read_model(files.metrics, Metrics)
    untrained = metrics.status == "not_trained" and not files.provenance.is_file()
    return RunRecord(key, metrics, None if untrained else read_model(files.provenance, Provenance))


def save_run(files: RunFiles, record: RunRecord) -> None:
    """Write metrics.json and provenance.json; metrics.json last, so that where it is, the others are."""
    if record.provenance is not None:
        write_json(files.provenance, record.provenance.model_dump(mode="json"))
    dumped = record.metrics.model_dump(mode="json")
    write_json(files.metrics, {name: value for name, value in dumped.items() if name != "cure" or value})


def read_config(files: RunFiles) -> dict[str, Any] | None:
    """Return the settings that a run was trained with; None where it was not, or its record is damaged."""
    try:
        return read_model(files.provenance, _Config).config  # which is all that is needed of it
    except UserError:
        return None


def summarise(record: RunRecord) -> str:
    """Return a training's end in one line."""
    metrics, provenance = record.metrics, record.provenance
    if metrics.failure or provenance is None:
        return f"{record.key}: {metrics.failure}{(metrics.cure and f': {metrics.cure}') or ''}"
    speed = f"{provenance.seconds:.1f} s ({provenance.steps_per_second:.1f} steps/s)"
    psnr = metrics.validation.get("psnr_y")
    quality = "not finite" if psnr is None else f"{psnr:.2f} dB"
    return f"{record.key}: {metrics.step} steps in {speed}, validation {quality}"


def same_config(first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Return whether two resolved runs are trained alike; which sets are scored makes no difference."""

    def plain(config: Mapping[str, Any]) -> str:
        task = {name: value for name, value in config["task"].items() if name not in ("test", "tune")}
        return json.dumps({**config, "task": task}, sort_keys=True)

    return plain(first) == plain(second)


def read_model(path: Path, model: type[Model]) -> Model:
    """Read a JSON file as a typed value.

    Raises:
        UserError: the file is missing, or is not what it should be; the message names it and the key.
    """
    content = read_json(path)
    try:
        return model.model_validate(content)
    except ValidationError as error:
        what = describe_problem(error, model).removesuffix(".")
        raise UserError(f"{path} is damaged ({what}): delete it and run 'make repro' to make it again.") from None
