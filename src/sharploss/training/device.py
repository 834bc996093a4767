"""The device a run is trained on, and how exactly it computes."""

import os
import platform
import re
import subprocess
from pathlib import Path
from typing import Literal

import torch

from sharploss.utils.errors import UserError

Mode = Literal["exact", "fast"]
CPUINFO = Path("/proc/cpuinfo")
INSTRUCTION_SETS = re.compile(r"(avx|amx|fma|f16c|sse4|asimd|sve)[0-9a-z_]*")
"""Flags of a processor that libraries choose their code by, and with it the last bits of sums."""

STUDIED = ("src", "pipelines", "params.yaml")  # what makes a run what it is, in the repository it is started in


def choose_device() -> torch.device:
    """Return the device to train on: SHARPLOSS_DEVICE (UserError where it is not there), else a GPU, else the CPU."""
    wanted = os.environ.get("SHARPLOSS_DEVICE") or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=wanted).device
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"SHARPLOSS_DEVICE={wanted} cannot be used ({reason}): set it to 'cpu' or 'cuda'.") from None


def set_mode(mode: Mode) -> None:
    """Set torch's global switches: `exact` allows only deterministic algorithms in full float32, `fast` does not.

    In `exact`, a processor computes on one thread: sums split among several differ in their last bits. Call it before
    the first CUDA operation, which is when cuBLAS reads its workspace setting.
    """
    exact = mode == "exact"
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # As use_deterministic_algorithms, which also imports the compiler: a second of every evaluation.
    torch.set_deterministic_debug_mode("error" if exact else "default")
    # Filling fresh memory with NaN is a debugging aid of the deterministic mode; it costs time in every step.
    torch.utils.deterministic.fill_uninitialized_memory = False  # pyright: ignore[reportAttributeAccessIssue]
    # Timing algorithms would choose others in another process, and a resumed run would have other bits.
    torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic = False, True
    if exact:
        torch.set_num_threads(1)
    torch.set_float32_matmul_precision("highest" if exact else "high")
    torch.backends.cudnn.allow_tf32 = not exact


def memory_format(device: torch.device, mode: Mode) -> torch.memory_format:
    """Return the layout of image tensors: channels-last halves the time of a step on CPUs, and helps bf16 on GPUs."""
    return torch.channels_last if device.type == "cpu" or mode == "fast" else torch.contiguous_format


def describe_hardware(device: torch.device) -> str:
    """Return the name of the processor or GPU, as tables and reports show it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    count = torch.get_num_threads()
    return f"{describe_processor()[0]}, {count} thread{'s' if count > 1 else ''}"


def describe_processor() -> tuple[str, str, list[str]]:
    """Return the processor's name, its family, model and stepping, and its instruction sets, where the system tells."""
    text = CPUINFO.read_text(encoding="utf-8", errors="replace") if CPUINFO.is_file() else ""
    fields = dict(re.findall(r"^([^:\n]+?)\s*:[ \t]*(.*)$", text.split("\n\n", 1)[0], re.MULTILINE))
    name = fields.get("model name") or platform.processor() or platform.machine()
    numbers = [f"{key} {fields[key]}" for key in ("cpu family", "model", "stepping") if key in fields]
    flags = fields.get("flags", fields.get("Features", "")).split()
    return name, ", ".join(numbers), sorted(flag for flag in flags if INSTRUCTION_SETS.fullmatch(flag))


def describe_commit() -> str:
    """Return the commit of the code that runs, with '+changes' when code or parameters differ from it, or 'unknown'.

    Results do not count: a study changes them while it runs.
    """
    try:
        commit, changed = (
            subprocess.run(
                ["git", *words], capture_output=True, errors="replace", check=True, timeout=10
            ).stdout.strip()
            for words in (("rev-parse", "--short", "HEAD"), ("status", "--porcelain", "--", *STUDIED))
        )
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return f"{commit}+changes" if changed else commit
