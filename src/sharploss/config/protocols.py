"""What every metric and protocol is called and means, for whatever shows numbers. Needs no torch."""

import tomllib
from pathlib import Path
from typing import Literal, TypedDict

from sharploss.config.tasks import Denoise, Jpeg, Task


class Protocol(TypedDict):
    """How a number was measured: in short for headings, part by part, and in a sentence."""

    title: str
    colour: str
    rounding: str
    border: str
    window: str
    description: str


class Metric(TypedDict):
    """What a number says."""

    title: str
    unit: str
    direction: Literal["higher", "lower", "one"]  # what is better; "one": the closer to 1
    decimals: int  # worth showing
    protocols: tuple[str, ...]  # that it is measured under
    asset: str | None  # of the catalogue, that it needs
    description: str


_TABLES = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))

PROTOCOLS: dict[str, Protocol] = _TABLES["protocols"]

METRIC_INFO: dict[str, Metric] = _TABLES["metrics"]
for _metric in METRIC_INFO.values():
    _metric.update(protocols=tuple(_metric["protocols"]), asset=_metric.get("asset"))

CALIBRATION_SETS = (
    "set5",
    "set14",
    "b100",
    "urban100",
    "classic5",
    "live1",
    *(f"set5_matlab_lr_x{n}" for n in (2, 3, 4)),
)
"""The catalogue's sets that calibration looks at; it never downloads one."""

WHOLE_SET = "*"
"""What stands for the image's name in rows of scores that are of a whole test set: no image, and nothing to pair."""

ONLY_ENLARGED, ONLY_SAME_SIZE = "gv_code", "matlab_rgb"
"""Protocols of papers on super-resolution, and of papers on tasks that keep the size: measured on such tasks alone."""


def protocols_of(metric: str, task: Task) -> tuple[str, ...]:
    """Return the protocols of a metric on a task's images; grey tasks have one of their own for what is of luma."""
    known = METRIC_INFO[metric]["protocols"]
    if isinstance(task, Denoise | Jpeg) and task.colour == "grey" and "y" in known and metric != "niqe":
        return ("grey8",)
    foreign = ONLY_SAME_SIZE if task.scale > 1 else ONLY_ENLARGED
    return tuple(name for name in known if name != foreign)


MAIN = ("y", "grey8")
"""The protocols whose PSNR stands for fidelity in figures and headlines; a task is measured under one of them."""

REFERENCES = ("bicubic", "input")
"""What a task's input baseline is called where losses are named: inputs enlarged by bicubic, or as they come."""


def reference_of(scale: int) -> str:
    """Return what the input baseline of a task of this scale is called."""
    return REFERENCES[0] if scale > 1 else REFERENCES[1]
