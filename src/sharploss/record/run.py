"""The record of a run: metrics.json (the result), provenance.json (how it came about), typed."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from sharploss.config.run_config import RunConfig, stored_config
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
    """The result of a training: the same on every machine that computes the same."""

    status: Status  # not_trained: for want of weights that its loss needs
    step: int = 0  # of the weights that were kept
    validation: dict[str, float | None] = {}  # "psnr_y": dB at the last validation; None where there was none
    terms: dict[str, float | None] | None = None  # the last means of the unweighted terms
    diverged: Divergence | None = None  # where the training came to a non-finite number
    reason: str | None = None  # why it was not trained, one sentence
    cure: str | None = None  # what to do about that, where it is known

    @property
    def failure(self) -> str:
        """Return why the run has no scores; "" when it has."""
        if self.status == "not_trained":
            return f"not trained: {self.reason}"
        return f"diverged ({self.diverged.term} at step {self.diverged.step})" if self.diverged else ""


class Provenance(JsonRecord):
    """When, on what and from what a run was trained."""

    started: str  # ISO 8601, UTC
    seconds: float  # of training, those before a resume included
    steps_per_second: float
    patches_per_second: float | None = None
    memory: float = 0.0  # the most of a GPU's that the training held at once, in GB; 0 where that is not known
    device: str
    hardware: str
    processor: str = ""  # name, family, model and stepping, of which virtual machines' names say little
    instruction_sets: str = ""  # the one that torch computes with, then all that libraries choose among
    threads: int = 0  # that a sum could be split among
    versions: dict[str, str]
    commit: str
    processes: int = 1  # that shared each batch
    parameters: int  # of the network
    backbones: dict[str, str] = {}  # term: the weights that it was computed with
    config: Annotated[RunConfig, BeforeValidator(stored_config)]  # what it was trained with, defaults spelt out
    identity: str = ""  # the hash of the settings, data, code and weights that the run was made from
    packs: dict[str, str] = {}  # role: sha256 of the packed images
    start: str | None = None  # sha256 of the weights that it started from
    extractor: str | None = None  # sha256 of its MDF discriminators
    left_out: dict[str, str] = {}  # training image: why nothing was learnt from it
    fresh: list[str] = []  # weights that began from random numbers, though the run started from another
    form: str = ""  # of the training step (sharploss.training.step)
    form_reason: str = ""  # why not a faster one
    replays: int = 0  # steps that were replays of a CUDA graph, those before a resume included
    imported: str = ""  # the folder that it was imported from (`launch.importing`)
    partial: list[str] = []  # what was lacking there


@dataclass(frozen=True)
class RunRecord:
    """All that a run says of itself but its curves (`record.history`); `provenance` is None where nothing trained."""

    key: str
    metrics: Metrics
    provenance: Provenance | None


def load_run(files: RunFiles, key: str) -> RunRecord:
    """Read the record of a run, which needs no provenance where it was not trained; UserError where it is damaged."""
    metrics = read_model(files.metrics, Metrics)
    untrained = metrics.status == "not_trained" and not files.provenance.is_file()
    return RunRecord(key, metrics, None if untrained else read_model(files.provenance, Provenance))


def save_run(files: RunFiles, record: RunRecord) -> None:
    """Write metrics.json and provenance.json; metrics.json last, so that where it is, the others are."""
    if record.provenance is not None:
        write_json(files.provenance, record.provenance.model_dump(mode="json"))
    dumped = record.metrics.model_dump(mode="json")
    write_json(files.metrics, {name: value for name, value in dumped.items() if name != "cure" or value})


def save_extractor(files: RunFiles, origin: Mapping[str, Any], seconds: float, config: Mapping[str, Any]) -> None:
    """Write how an MDF extractor came about: `origin` has what is known at the beginning, `config` its settings."""
    write_json(files.provenance, {**origin, "seconds": round(seconds, 3), "config": config})


def read_config(files: RunFiles) -> dict[str, Any] | None:
    """Return the settings that a run was trained with, as they are written, to be compared with others as a whole.

    None where it was not trained, or its record is damaged; typed, they are a part of `load_run`'s.
    """
    with suppress(UserError, LookupError, TypeError):  # an earlier version's record may lack other things
        config = read_json(files.provenance)["config"]
        return config if isinstance(config, dict) else None
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


def flat_settings(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return a run's settings by dotted keys, but not which sets are scored: that makes no other run."""
    leaves = dict[str, Any]()
    for key, value in config.items():
        inner = isinstance(value, dict) and value
        leaves |= flat_settings(value, f"{prefix}{key}.") if inner else {f"{prefix}{key}": value}
    return {key: value for key, value in leaves.items() if key not in ("task.test", "task.tune")}


def read_model(path: Path, model: type[Model]) -> Model:
    """Read a JSON file as a typed value; UserError, with the key, where it is missing or not what it should be."""
    content = read_json(path)
    try:
        return model.model_validate(content)
    except ValidationError as error:
        what = describe_problem(error, model).removesuffix(".")
        raise UserError(f"{path} is damaged ({what}): delete it and run 'make repro' to make it again.") from None
