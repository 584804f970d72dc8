# SPDX-License-Identifier: Apache-2.0
"""The folder of the trials of a study.

Note [One study per folder]
A study makes its folder before it stores its name, by mkdir, which one of several processes wins. The
file .study in the folder has the id of the study. A study that goes on takes a folder with its own id
only: where the folder was removed, it is made again, and where it is another's by now, another is made.
"""
from __future__ import annotations

import contextlib
import errno
import itertools
import os
import pathlib
from typing import Iterator, List, Optional

from weft._error import Error

_MARK = ".study"
_OF_THE_MACHINE = (errno.ENOSPC, errno.EDQUOT, errno.EIO)


def owner_of(folder: pathlib.Path) -> Optional[str]:
    """The id of the study that the folder belongs to; None without a folder or an id."""
    try:
        return (folder / _MARK).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return None


class TrialsFolder:
    """The folder of the study `owner`: `stored`, or, if that is none of it, `wanted` with the first
    number that is free. Raises Error if it cannot be made."""

    def __init__(self, owner: str, wanted: pathlib.Path, stored: Optional[pathlib.Path]) -> None:
        self._made: List[pathlib.Path] = []
        try:
            self.path = self._find(owner, wanted, stored)
        except OSError as error:
            self.discard()
            raise Error(f"tune: {error.filename} cannot be made ({error.strerror}); a folder for the trials is "
                        "required", 1 if error.errno in _OF_THE_MACHINE else 2) from None

    def _find(self, owner: str, wanted: pathlib.Path, stored: Optional[pathlib.Path]) -> pathlib.Path:
        first = () if stored is None else (stored,)
        for path in itertools.chain(first, _numbered(wanted)):
            if owner_of(path) == owner:
                break
            self._make_parents(path.parent)
            try:
                os.mkdir(path)
            except FileExistsError:
                continue
            self._made.append(path)
            _mark(path, owner)
            break
        return path

    def _make_parents(self, folder: pathlib.Path) -> None:
        if not folder.exists():
            self._make_parents(folder.parent)
            with contextlib.suppress(FileExistsError):  # of another process that began now
                os.mkdir(folder)
                self._made.append(folder)

    def discard(self) -> None:
        """Removes what was made here, and has nothing in it by now."""
        for folder in reversed(self._made):
            with contextlib.suppress(OSError):
                if set(os.listdir(folder)) == {_MARK}:
                    os.remove(folder / _MARK)
                os.rmdir(folder)


def adopt(folder: pathlib.Path, owner: str) -> None:
    """Marks the folder of a study that was begun before there were marks, if none has done so."""
    with contextlib.suppress(OSError):
        _mark(folder, owner)


def _mark(folder: pathlib.Path, owner: str) -> None:
    """Raises FileExistsError if the folder has a mark."""
    with open(folder / _MARK, "x", encoding="utf-8") as file:
        file.write(owner + "\n")


def _numbered(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    yield folder
    for number in itertools.count(2):
        yield folder.with_name(f"{folder.name}-{number}")
