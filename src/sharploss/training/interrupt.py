"""Stopping on a signal: SIGTERM and Ctrl-C let the current step end, so that a checkpoint can be written."""

import signal
import threading
from collections.abc import Generator
from contextlib import contextmanager
from types import FrameType

EXIT_CODE = 75  # EX_TEMPFAIL: stopped, and resumable by running the same command again


@contextmanager
def stop_on_signal() -> Generator[threading.Event]:
    """Set an event at SIGTERM and SIGINT for the length of the block (in the main thread; elsewhere do nothing)."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def ask(_signal: int, _frame: FrameType | None) -> None:
        asked.set()

    previous = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield asked
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
