"""Stopping on a signal: SIGTERM and Ctrl-C let the current step end, so that a checkpoint can be written."""

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

EXIT_CODE = 75  # EX_TEMPFAIL: stopped, and resumable by running the same command again


@dataclass
class Interrupt:
    """Whether a signal asked the run to stop."""

    requested: bool = False


@contextmanager
def stop_on_signal() -> Generator[Interrupt]:
    """Turn SIGTERM and SIGINT into a flag for the length of the block (in the main thread; elsewhere do nothing)."""
    interrupt = Interrupt()
    if threading.current_thread() is not threading.main_thread():
        yield interrupt
        return

    def request(_signal: int, _frame: FrameType | None) -> None:
        interrupt.requested = True

    previous = {number: signal.signal(number, request) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield interrupt
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
