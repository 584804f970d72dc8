# SPDX-License-Identifier: Apache-2.0
"""Sends records to a run with `data.type: stream`.

    with weft.stream.Producer("unix:/tmp/digits.sock") as producer:
        for x, y in simulate():
            if not producer.send(x=x, y=y):
                break                       # the run takes no more records

The protocol is described in data/stream/protocol.h, and for users in docs/streams.md.
"""
from __future__ import annotations

import collections
import json
import numbers
import os
import re
import socket
import struct
import time
import uuid
from types import TracebackType
from typing import Any

import numpy as np


_VERSION = 1
_HEADER = struct.Struct("<4sIQ")  # kind, bytes of the payload, number
_MOST_ANSWER = 1 << 16
_MOST_NUMBER = (1 << 63) - 1
_MOST_PATH = 107  # bytes of the path of a Unix socket
_BETWEEN_ATTEMPTS = 0.1  # seconds
_SHORTEST_ATTEMPT = 1.0  # seconds for the greeting, also with a shorter `wait`
_DTYPES = {"U8": "u1", "F32": "<f4", "I64": "<i8"}
_MOST_WAIT = 1_000_000
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_RANGES = {"U8": "0 to 255", "F32": "-3.4e38 to 3.4e38", "I64": "-2**63 to 2**63 - 1"}
_TCP = re.compile(r"tcp:127\.0\.0\.1:([0-9]{1,5})")


class Refused(ValueError):
    """The run has refused a record, or the producer. The text is the sentence of the run."""


class Lost(ConnectionError):
    """No run takes records at the address."""


class _Gone(Exception):
    """The connection is lost."""


def _is_a(kind: Any, value: Any) -> bool:
    """isinstance(), also for the numbers of numpy, which type checkers do not take for `numbers`."""
    return isinstance(value, kind)


def _frame(kind: bytes, number: int = 0, payload: bytes = b"") -> bytes:
    return _HEADER.pack(kind, len(payload), number) + payload


def _record(tensors: "dict[str, tuple[str, np.ndarray[Any, Any]]]") -> bytes:
    """The bytes of a safetensors file."""
    header: dict[str, Any] = {}
    data = b""
    for name, (dtype, array) in tensors.items():
        raw = array.tobytes()
        header[name] = {"dtype": dtype, "shape": list(array.shape),
                        "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def _target(address: str) -> "tuple[socket.AddressFamily, str | tuple[str, int]]":
    """(family, what connect() takes)."""
    if not isinstance(address, str):
        raise ValueError(f"the address is {address!r}; unix:PATH or tcp:127.0.0.1:PORT is required")
    if address.startswith("unix:"):
        path = address[len("unix:"):]
        if not path or "\0" in path or len(os.fsencode(path)) > _MOST_PATH:
            raise ValueError(f"the address is '{address}'; a path of 1 to {_MOST_PATH} bytes, without "
                             "zero bytes, is required")
        return socket.AF_UNIX, path
    found = _TCP.fullmatch(address)
    if not found:
        raise ValueError(f"the address is '{address}'; unix:PATH or tcp:127.0.0.1:PORT is required")
    port = int(found[1])
    if not 1 <= port <= 65535:
        raise ValueError(f"the address is '{address}'; a port of 1 to 65535 is required")
    return socket.AF_INET, ("127.0.0.1", port)


def _expectation(greeting: bytes) -> "dict[str, tuple[str, list[int]]] | None":
    """{"x": (dtype, shape), "y": …} of a greeting, or None if it is none."""
    try:
        about = json.loads(greeting)
        expected = {name: (about[name]["dtype"], about[name]["shape"]) for name in ("x", "y")}
        good = all(dtype in _DTYPES and type(shape) is list and all(type(n) is int for n in shape)
                   for dtype, shape in expected.values())
        return expected if good else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


class Producer:
    """Sends records. One thread uses it.

    address   unix:PATH or tcp:127.0.0.1:PORT, the `data.address` of the run
    name      under which the run knows the producer. One that is started again under its name goes
              on after the records that the run has acknowledged (`acknowledged`). By default a name
              that no other one has.
    wait      seconds in which a run must listen and answer the greeting, when connecting and when
              the connection was lost
    window    records that may be sent and not yet acknowledged; they are sent again after a loss
    """

    def __init__(self, address: str, name: str | None = None, wait: float = 60.0,
                 window: int = 64) -> None:
        if not _is_a(numbers.Integral, window) or window < 1:
            raise ValueError(f"the window is {window!r}; an integer of at least 1 is required")
        if not _is_a(numbers.Real, wait) or not 0 <= wait <= _MOST_WAIT:
            raise ValueError(f"wait is {wait!r}; seconds from 0 to {_MOST_WAIT} are required")
        if name is not None and not (isinstance(name, str) and _NAME.fullmatch(name)):
            raise ValueError(f"the name is {name!r}; 1 to 64 letters, digits, '-', '_' and '.', or "
                             "None for a name of its own, are required")
        self.name = name if name is not None else f"{os.getpid()}-{uuid.uuid4().hex[:16]}"
        self.acknowledged = 0  # records that the run has answered, also those of earlier processes
        self.over = False      # the run takes no more records
        self._address, self._target = address, _target(address)
        self._wait, self._window = wait, window
        self._socket: socket.socket | None = None
        self._input = b""
        self._unanswered: collections.deque[tuple[int, bytes]] = collections.deque()  # (number, frame)
        self._expected: dict[str, tuple[str, list[int]]] | None = None  # {"x": (dtype, shape), "y": …}
        self._ended = False
        self._refusal: str | None = None
        self._rejected = False  # the producer itself, and no record, was refused last
        self._repair()
        self._last = self.acknowledged

    def send(self, x: Any, y: Any) -> bool:
        """Sends a sample and its target, converted to the dtypes of the run.

        Waits while `window` records are not acknowledged, as when the buffer of the run is full.
        Returns False if the run takes no more records. Raises Refused when the run has refused a
        record, which may be one sent earlier; the next call goes on behind it.
        """
        if self._ended:
            raise ValueError("send() was called after end(); another producer is required")
        if self._expected is None:  # the run was lost, and the caller tries again
            self._repair()
        if self.over:
            return False
        record = _record({name: self._converted(name, value) for name, value in (("x", x), ("y", y))})
        self._last += 1
        self._unanswered.append((self._last, _frame(b"RECD", self._last, record)))
        try:
            self._send(self._unanswered[-1][1])
        except (OSError, _Gone):
            self._repair()
        self._await_answers(self._window - 1)
        return not self.over

    def flush(self) -> bool:
        """Waits until all records are acknowledged. Returns False if the run takes no more."""
        self._await_answers(0)
        return not self.over

    def end(self) -> bool:
        """flush(), then the end mark: this producer has no more records."""
        if not self.flush():
            return False
        while not self._ended and not self.over:
            try:
                self._send(_frame(b"ENDS"))
                self._receive(True)
            except (OSError, _Gone):
                self._repair()
        return not self.over

    def close(self) -> None:
        """Closes the connection, without an end mark."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def __enter__(self) -> Producer:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        """end() and close(); only close() after an exception other than that of a refused record."""
        refused: Refused | None = None
        try:
            goes_on = kind is None or (issubclass(kind, Refused) and not self._rejected)
            while goes_on:
                try:
                    self.end()
                    goes_on = False
                except Refused as error:
                    if self._rejected:
                        raise
                    refused = refused or error
        finally:
            self.close()
        if kind is None and refused:
            raise refused

    def _converted(self, name: str, value: Any) -> "tuple[str, np.ndarray[Any, Any]]":
        assert self._expected is not None
        dtype, shape = self._expected[name]
        try:
            array = np.asarray(value)
        except ValueError:
            raise ValueError(f"{name} is no array of one shape; the shape {shape} is required") from None
        if array.dtype.kind not in "biuf":
            raise ValueError(f"{name} is {array.dtype}; real numbers are required")
        if list(array.shape) != shape:
            raise ValueError(f"{name} has the shape {list(array.shape)}; {shape} is required")
        if dtype != "F32" and not np.issubdtype(array.dtype, np.integer):
            raise ValueError(f"{name} is {array.dtype}; integers are required")
        with np.errstate(all="ignore"):
            converted = array.astype(_DTYPES[dtype], order="C")
        if dtype == "F32":  # the run refuses what was not finite before
            same = np.array_equal(np.isinf(converted), np.isinf(array))
        else:
            same = np.array_equal(converted, array)
        if not same:
            raise ValueError(f"{name} has values from {array.min()} to {array.max()}; values from "
                             f"{_RANGES[dtype]} ({dtype}) are required")
        return dtype, converted

    def _repair(self) -> None:
        """Connects again. What the run has sent before it closed the connection is read first."""
        try:
            if self._socket is not None:
                self._receive(False)
        except (OSError, _Gone):
            pass
        begin = time.monotonic()
        while not self.over:
            try:
                return self._connect(max(begin + self._wait, time.monotonic() + _SHORTEST_ATTEMPT))
            except (OSError, _Gone) as error:
                self.close()
                lost, silent = error, isinstance(error, (socket.timeout, BlockingIOError))
                if time.monotonic() - begin >= self._wait:
                    break
                time.sleep(_BETWEEN_ATTEMPTS)
            except Refused:
                self.close()
                raise
        if self.over:
            return
        reason = getattr(lost, "strerror", None) or "the connection is lost"
        if silent:
            raise Lost(f"{self._address} has not answered for {self._wait} s; a run that is not stopped "
                       "and has fewer than 64 connections is required")
        raise Lost(f"no run takes records at {self._address}, tried for {self._wait} s ({reason}); a "
                   "run with this data.address is required")

    def _connect(self, deadline: float) -> None:
        self.close()
        self._input, self._expected = b"", None
        family, target = self._target
        self._socket = socket.socket(family, socket.SOCK_STREAM)
        self._socket.settimeout(max(deadline - time.monotonic(), _BETWEEN_ATTEMPTS))
        self._socket.connect(target)
        if family == socket.AF_INET:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._send(_frame(b"HELO", _VERSION, self.name.encode()))
        while self._expected is None and not self.over:
            self._receive(True, deadline)
        self._socket.settimeout(None)
        self._rejected = False
        if not self.over:
            for _, frame in list(self._unanswered):
                self._send(frame)

    def _send(self, frame: bytes) -> None:
        if self._socket is None:
            raise _Gone
        self._socket.sendall(frame)

    def _await_answers(self, most_unanswered: int) -> None:
        while not self.over:
            waits = len(self._unanswered) > most_unanswered
            try:
                self._receive(waits)
            except (OSError, _Gone):
                self._repair()
                continue
            if not waits:
                break
        if self._refusal is not None:
            sentence, self._refusal = self._refusal, None
            raise Refused(sentence)

    def _receive(self, wait: bool, deadline: float | None = None) -> None:
        """Takes the answers that are there; with `wait`, at least one, before the deadline."""
        if self._socket is None:
            raise _Gone
        while True:
            taken = False
            while self._take_frame():
                taken = True
            if taken and wait:
                return
            if deadline is not None:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise socket.timeout
                self._socket.settimeout(left)
            try:
                got = self._socket.recv(1 << 16, 0 if wait else socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            if not got:
                raise _Gone
            self._input += got

    def _take_frame(self) -> bool:
        if len(self._input) < _HEADER.size:
            return False
        kind, size, number = _HEADER.unpack_from(self._input)
        if size > _MOST_ANSWER or number > _MOST_NUMBER:
            raise self._rejection(f"{self._address} sent bytes that are no answer; a run of weft is required")
        if len(self._input) < _HEADER.size + size:
            return False
        payload = self._input[_HEADER.size:_HEADER.size + size]
        self._input = self._input[_HEADER.size + size:]
        self._take(kind, number, payload)
        return True

    def _take(self, kind: bytes, number: int, payload: bytes) -> None:
        if kind == b"WELC":
            self._expected = _expectation(payload)
            if self._expected is None:
                raise self._rejection(f"{self._address} sent a greeting that is none; a run of weft is "
                                      "required")
        elif kind == b"REFU":
            self._refusal = payload.decode("utf-8", "replace")
        elif kind == b"ENDS":
            self._ended = True
        elif kind == b"OVER":
            self.over = True
        elif kind == b"FAIL":
            raise self._rejection(payload.decode("utf-8", "replace"))
        elif kind != b"ACKN":
            raise self._rejection(f"{self._address} sent bytes that are no answer; a run of weft is required")
        if kind in (b"WELC", b"ACKN", b"REFU"):
            self.acknowledged = max(self.acknowledged, number)
        while self._unanswered and self._unanswered[0][0] <= self.acknowledged:
            self._unanswered.popleft()

    def _rejection(self, sentence: str) -> Refused:
        self._rejected = True
        return Refused(sentence)
