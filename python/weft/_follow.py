# SPDX-License-Identifier: Apache-2.0
"""Reads the run folder of a run that is going on."""
from __future__ import annotations

import json
import math
import os
import pathlib
import re
import shutil
from typing import Any, Iterator, Union

Path = Union[str, "os.PathLike[str]"]

_CHECKPOINT = re.compile(r"step-([0-9]+)(?:-([0-9]+))?")


class Events:
    """The lines of a metrics.jsonl, as they are written.

    A run that is resumed cuts the file and goes on from there. Lines that were in the file before
    are not events, and one that is written again is one, because its seconds are others.
    """

    def __init__(self, path: Path) -> None:
        self._path = pathlib.Path(path)
        self._at = 0        # bytes that were read, up to the end of a line
        self._last = b""    # the line before it, which tells whether the file was cut
        self._seen: set[bytes] = set()
        for _ in self.new():
            pass

    def new(self) -> Iterator[dict[str, Any]]:
        """Yields the events that were written since the last call, as dicts."""
        try:
            with open(self._path, "rb") as file:
                file.seek(self._at - len(self._last))
                if file.read(len(self._last)) != self._last:
                    self._at, self._last = 0, b""
                    file.seek(0)
                lines = file.read().splitlines(keepends=True)
        except FileNotFoundError:
            return
        for line in lines:
            if not line.endswith(b"\n"):
                return
            self._at, self._last = self._at + len(line), line
            # Lines between epochs are many, and nothing here asks for them.
            if b'"event":"epoch"' not in line and b'"event":"test"' not in line:
                continue
            if line not in self._seen:
                self._seen.add(line)
                yield json.loads(line)


def newest_checkpoint(folder: Path, at_most: float = math.inf) -> tuple[int, pathlib.Path | None]:
    """(step, path) of the newest checkpoint of a folder of checkpoints, of those up to a step; (-1,
    None) without one. A checkpoint gets its name when it is whole."""
    newest: tuple[tuple[int, int], pathlib.Path | None] = (-1, 0), None
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        names = []
    for name in names:
        found = _CHECKPOINT.fullmatch(name)
        if found and int(found[1]) <= at_most:
            number = int(found[1]), int(found[2] or 1)
            if number > newest[0]:
                newest = number, pathlib.Path(folder, name)
    return newest[0][0], newest[1]


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:  # another file system
        shutil.copy2(source, target)


def copy_of_checkpoint(path: Path, target: Path) -> bool:
    """Makes `target` a copy of a checkpoint, of links where that is possible: the run deletes older
    checkpoints while it goes on. False if it was deleted meanwhile."""
    try:
        os.mkdir(target)
        for name in os.listdir(path):
            _link(os.path.join(path, name), os.path.join(target, name))
    except FileNotFoundError:
        shutil.rmtree(target, ignore_errors=True)
        return False
    # A folder that is being deleted may have lost some of its files already.
    if not os.path.exists(os.path.join(target, "manifest.json")) or not os.path.isdir(path):
        shutil.rmtree(target, ignore_errors=True)
        return False
    return True
