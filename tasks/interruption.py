"""Ctrl-C that takes effect at the end of a training step."""

import signal
from pathlib import Path
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(Exception):
    """A run was stopped and saved in its folder."""

    def __init__(self, message: str, folder: Path | None) -> None:
        super().__init__(message)
        self.folder = folder


class Interruption:
    """Inside this context, Ctrl-C or SIGTERM sets `requested`; a second one takes effect immediately."""

    requested = False

    def __enter__(self) -> "Interruption":
        self.before = {number: signal.signal(number, self._request) for number in SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self.before.items():
            signal.signal(number, handler)

    def _request(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
        signal.signal(number, self.before[signal.Signals(number)])
