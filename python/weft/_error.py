# SPDX-License-Identifier: Apache-2.0
"""The error of the package, and the nearest of known names."""
from __future__ import annotations

import difflib
from typing import Iterable, Optional, Tuple


class Error(RuntimeError):
    """The program `weft` has ended with an error. The text is its sentence.

    code: its exit code: 1 a failure of weft or the machine, 2 a mistake of the user, 3 training
        failed, 128 + n ended by signal n.
    folder: the run folder, if there is one.
    """

    argument: Optional[str] = None  # which the sentence begins with; a command line writes it as --NAME

    def __init__(self, sentence: str, code: int, folder: Optional[str] = None) -> None:
        super().__init__(sentence)
        self.code, self.folder = code, folder

    def __reduce__(self) -> Tuple[type, Tuple[str, int, Optional[str]]]:
        return type(self), (str(self), self.code, self.folder)


def mistake(sentence: str) -> Error:
    """The error of a mistake that was found before the program was started."""
    return Error(sentence, 2)


def mistake_in(argument: str, sentence: str) -> Error:
    """That of an argument of a function. The sentence follows its name: ": 3 given; ..."."""
    error = mistake(argument + sentence)
    error.argument = argument
    return error


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """"; did you mean 'x'?", or "" if nothing is near."""
    near = difflib.get_close_matches(name.lower(), list(known), n=1)
    return f"; did you mean '{near[0]}'?" if near else ""
