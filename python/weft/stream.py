# SPDX-License-Identifier: Apache-2.0
"""Sends records to a run with `data.type: stream`.

    with weft.stream.Producer("unix:/tmp/digits.sock") as producer:
        for x, y in simulate():
            if not producer.send(x=x, y=y):
                break                       # the run takes no more records

The protocol is described in data/stream/protocol.h, and for users in docs/streams.md.
"""

import collections
import json
import os
import re
import socket
import struct
import time
import uuid

import numpy as np

_VERSION = 1
_HEADER = struct.Struct("<4sIQ")  # kind, bytes of the payload, number
_MOST_ANSWER = 1 << 16
_BETWEEN_ATTEMPTS = 0.1  # seconds
_DTYPES = {"U8": "u1", "F32": "<f4", "I64": "<i8"}
_TCP = re.compile(r"tcp:127\.0\.0\.1:([0-9]{1,5})")


class Refused(ValueError):
    """The run has refused a record, or the producer. The text is the sentence of the run."""


class Lost(ConnectionError):
    """No run takes records at the address."""


class _Gone(Exception):
    """The connection is lost."""


def _frame(kind, number=0, payload=b""):
    return _HEADER.pack(kind, len(payload), number) + payload


def _record(tensors):
    """The bytes of a safetensors file."""
    header, data = {}, b""
    for name, (dtype, array) in tensors.items():
        raw = array.tobytes()
        header[name] = {"dtype": dtype, "shape": list(array.shape),
                        "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + data


def _connected(address):
    if address.startswith("unix:"):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        target = address[len("unix:"):]
    else:
        found = _TCP.fullmatch(address)
        if not found:
            raise ValueError(f"the address is '{address}'; unix:PATH or tcp:127.0.0.1:PORT is required")
        connection = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        target = ("127.0.0.1", int(found[1]))
    try:
        connection.connect(target)
    except OSError:
        connection.close()
        raise
    return connection


class Producer:
    """Sends records. One thread uses it.

    address   unix:PATH or tcp:127.0.0.1:PORT, the `data.address` of the run
    name      under which the run knows the producer. One that is started again under its name goes
              on after the records that the run has acknowledged (`acknowledged`). By default a name
              that no other one has.
    wait      seconds in which a run must listen, when connecting and when the connection was lost
    window    records that may be sent and not yet acknowledged; they are sent again after a loss
    """

    def __init__(self, address, name=None, wait=60.0, window=64):
        if window < 1:
            raise ValueError(f"the window is {window}; at least 1 is required")
        self.name = name or f"{os.getpid()}-{uuid.uuid4().hex[:16]}"
        self.acknowledged = 0  # records that the run has answered, also those of earlier processes
        self.over = False      # the run takes no more records
        self._address, self._wait, self._window = address, wait, window
        self._socket, self._input = None, b""
        self._unanswered = collections.deque()  # (number, frame)
        self._expected = None  # {"x": (dtype, shape), "y": …}
        self._ended, self._refusal = False, None
        self._repair()
        self._last = self.acknowledged

    def send(self, x, y):
        """Sends a sample and its target, converted to the dtypes of the run.

        Waits while `window` records are not acknowledged, as when the buffer of the run is full.
        Returns False if the run takes no more records. Raises Refused when the run has refused a
        record, which may be one sent earlier; the next call goes on behind it.
        """
        if self._ended:
            raise ValueError("send() was called after end(); another producer is required")
        if self.over:
            return False
        record = _record({name: self._converted(name, value) for name, value in (("x", x), ("y", y))})
        self._last += 1
        self._unanswered.append((self._last, _frame(b"RECD", self._last, record)))
        try:
            self._socket.sendall(self._unanswered[-1][1])
        except OSError:
            self._repair()
        self._await_answers(self._window - 1)
        return not self.over

    def flush(self):
        """Waits until all records are acknowledged. Returns False if the run takes no more."""
        self._await_answers(0)
        return not self.over

    def end(self):
        """flush(), then the end mark: this producer has no more records."""
        if not self.flush():
            return False
        while not self._ended and not self.over:
            try:
                self._socket.sendall(_frame(b"ENDS"))
                self._receive(True)
            except (OSError, _Gone):
                self._repair()
        return not self.over

    def close(self):
        """Closes the connection, without an end mark."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        try:
            if kind is None:
                self.end()
        finally:
            self.close()

    def _converted(self, name, value):
        dtype, shape = self._expected[name]
        array = np.asarray(value)
        if list(array.shape) != shape:
            raise ValueError(f"{name} has the shape {list(array.shape)}; {shape} is required")
        if dtype != "F32" and not np.issubdtype(array.dtype, np.integer):
            raise ValueError(f"{name} is {array.dtype}; integers are required")
        converted = array.astype(_DTYPES[dtype], order="C")
        if dtype != "F32" and not np.array_equal(converted, array):
            raise ValueError(f"{name} has values out of the range of {dtype}")
        return dtype, converted

    def _repair(self):
        """Connects again. What the run has sent before it closed the connection is read first."""
        try:
            if self._socket is not None:
                self._receive(False)
        except (OSError, _Gone):
            pass
        begin = time.monotonic()
        while not self.over:
            try:
                return self._connect()
            except (OSError, _Gone):
                if time.monotonic() - begin >= self._wait:
                    raise Lost(f"no run takes records at {self._address} since {self._wait} s; a run "
                               "with this data.address is required") from None
                time.sleep(_BETWEEN_ATTEMPTS)

    def _connect(self):
        self.close()
        self._input, self._expected = b"", None
        self._socket = _connected(self._address)
        self._socket.sendall(_frame(b"HELO", _VERSION, self.name.encode()))
        while self._expected is None and not self.over:
            self._receive(True)
        for _, frame in () if self.over else list(self._unanswered):
            self._socket.sendall(frame)

    def _await_answers(self, most_unanswered):
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

    def _receive(self, wait):
        """Takes the answers that are there; with `wait`, at least one."""
        while True:
            taken = False
            while self._take_frame():
                taken = True
            if taken and wait:
                return
            try:
                got = self._socket.recv(1 << 16, 0 if wait else socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            if not got:
                raise _Gone
            self._input += got

    def _take_frame(self):
        if len(self._input) < _HEADER.size:
            return False
        kind, size, number = _HEADER.unpack_from(self._input)
        if size > _MOST_ANSWER:
            raise Refused(f"{self._address} sent a frame of {size} bytes; a run is required")
        if len(self._input) < _HEADER.size + size:
            return False
        payload = self._input[_HEADER.size:_HEADER.size + size]
        self._input = self._input[_HEADER.size + size:]
        self._take(kind, number, payload)
        return True

    def _take(self, kind, number, payload):
        if kind == b"WELC":
            self._expected = {name: (about["dtype"], about["shape"])
                              for name, about in json.loads(payload).items()}
        elif kind == b"REFU":
            self._refusal = payload.decode("utf-8", "replace")
        elif kind == b"ENDS":
            self._ended = True
        elif kind == b"OVER":
            self.over = True
        elif kind == b"FAIL":
            raise Refused(payload.decode("utf-8", "replace"))
        elif kind != b"ACKN":
            raise Refused(f"{self._address} sent a frame of the wrong kind; a run is required")
        if kind in (b"WELC", b"ACKN", b"REFU"):
            self.acknowledged = max(self.acknowledged, number)
        while self._unanswered and self._unanswered[0][0] <= self.acknowledged:
            self._unanswered.popleft()
