# SPDX-License-Identifier: Apache-2.0
"""A program that ends with this process."""
from __future__ import annotations

import collections
import os
import subprocess
import sys
import threading
from typing import IO, Callable, Deque, List, Mapping, Optional, Sequence, Union

from weft import _leash

_LINES = 20  # of standard error that are kept
_WAIT_FOR_LINES = 1  # seconds, for what a reader has not read at the end of the program

Path = Union[str, "os.PathLike[str]"]


def _to_standard_error(line: str) -> None:
    sys.stderr.write(line)


class Command:
    """Starts the program under a leash (_leash.py), in a session of its own, so that Ctrl-C of a
    terminal reaches this process alone.

    on_line: gets each line of standard output, on a thread of its own; None: the program prints
        where this process does.
    on_error: gets each line of standard error, on a thread of its own.
    descriptors: open descriptors that the program inherits.
    """

    def __init__(self, arguments: Sequence[str], *, grace: float, environment: Mapping[str, str],
                 folder: Optional[Path] = None, on_line: Optional[Callable[[str], object]] = None,
                 on_error: Callable[[str], object] = _to_standard_error,
                 descriptors: Sequence[int] = ()) -> None:
        self._lines: Deque[str] = collections.deque(maxlen=_LINES)
        self._grace = grace
        self._process = subprocess.Popen(
            [sys.executable, "-I", _leash.__file__, str(grace), *arguments], cwd=folder,
            env=dict(environment), stdin=subprocess.PIPE,
            stdout=None if on_line is None else subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            errors="replace", start_new_session=True, pass_fds=tuple(descriptors))

        def keep(line: str) -> None:
            self._lines.append(line)
            on_error(line)

        self._readers = [_reader(self._process.stderr, keep)]
        if on_line is not None:
            self._readers.append(_reader(self._process.stdout, on_line))

    def code(self) -> Optional[int]:
        """The exit code; None while the program runs."""
        return self._process.poll()

    def wait(self, timeout: Optional[float] = None) -> int:
        """Waits for the end. Raises subprocess.TimeoutExpired after `timeout` seconds."""
        code = self._process.wait(timeout)
        for reader in self._readers:
            reader.join(_WAIT_FOR_LINES)
        return code

    def lines(self) -> List[str]:
        """The end of standard error."""
        self._readers[0].join(_WAIT_FOR_LINES)
        return list(self._lines)

    def send(self, request: bytes) -> None:
        """Sends a signal: _leash.INTERRUPT, CHECKPOINT or KILL. Does nothing after the end."""
        try:
            os.write(self._input().fileno(), request)
        except (OSError, ValueError):  # it has ended, or stop() was called
            pass

    def stop(self) -> None:
        """Asks the program to end, by SIGTERM, and kills it if it does not end after `grace`."""
        self._input().close()
        try:
            self._process.wait(self._grace + 5)
        except subprocess.TimeoutExpired:
            self._process.kill()

    def _input(self) -> "IO[str]":
        assert self._process.stdin is not None
        return self._process.stdin


def _reader(pipe: "Optional[IO[str]]", take: Callable[[str], object]) -> threading.Thread:
    assert pipe is not None
    lines = pipe

    def read() -> None:
        with lines:
            for line in lines:
                take(line)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return thread
