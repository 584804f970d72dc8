#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that pages name code that exists. `autograd/tape.cpp:Tape::backward` in a page names a
function that the file declares or defines, and Note [X] in `file` names a note in the file.
docs/tour.md has the twelve stops of a training step, numbered, and each names a function.
Usage: check_tour.py [ROOT]. Exit code 1 and one line per finding."""
import re
import sys
from pathlib import Path

from check_layering import COMMENT_OR_STRING
from check_snippets import pages

STOPS = 12
FUNCTION = re.compile(r"`(?P<file>[\w./-]+\.(?:h|cpp|cu|cuh|py)):(?P<name>[A-Za-z_][\w:]*(?:\(\))?)`")
NOTE = re.compile(r"Note\s+\[(?P<note>[^\]]+)\]\s+in\s+`(?P<file>[\w./-]+)`")
STOP = re.compile(r"^## (\d+)\. .*$", re.M)


def declares(text, name):
    """Returns whether C++ or Python source declares this function. A::f may stand in a class A."""
    code = COMMENT_OR_STRING.sub('""', text)
    *scope, function = (re.escape(part) for part in name.split("::"))
    if scope and re.search(rf"\b{scope[-1]}::{function}\s*\(", code):
        return True
    # A declaration is behind a type. A call is behind punctuation or a keyword.
    declared = re.search(rf"[\w>*&](?<!return)(?<!else)(?<!&&)\s+[*&]?{function}\s*\(", code) is not None
    if not scope:
        return declared
    return declared and re.search(rf"\b(?:class|struct)\s+(?:\w+::)*{scope[-1]}\b[^;]*\{{", code) is not None


def source(root, page, name):
    """Returns the text of a file, named from the root or beside the page, or None."""
    for path in (root / name, page.parent / name):
        if path.is_file():
            return path.read_text(encoding="utf-8")
    return None


def check_page(root, page):
    """Yields (line, finding)."""
    text = page.read_text(encoding="utf-8")
    for found in [*FUNCTION.finditer(text), *NOTE.finditer(text)]:
        line = text.count("\n", 0, found.start()) + 1
        code = source(root, page, found["file"])
        if code is None:
            yield line, f"{found['file']} does not exist"
        elif found.re is FUNCTION:
            if not declares(code, found["name"]):
                yield line, f"{found['file']} has no function {found['name']}"
        else:
            note = " ".join(found["note"].split())
            if not re.search(rf"Note \[{re.escape(note)}\]\s*$", code, re.M):
                yield line, f"{found['file']} has no Note [{note}]"


def check_stops(text):
    stops = list(STOP.finditer(text))
    numbers = [int(stop[1]) for stop in stops]
    if numbers != list(range(1, STOPS + 1)):
        yield 1, f"the stops are numbered {numbers}; 1 to {STOPS} are required"
    for stop, following in zip(stops, [*stops[1:], None]):
        if not FUNCTION.search(text, stop.end(), following.start() if following else len(text)):
            yield text.count("\n", 0, stop.start()) + 1, f"stop {stop[1]} names no `file:function`"


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent).resolve()
    errors = 0
    for page in dict.fromkeys(pages(root)):
        findings = list(check_page(root, page))
        if page == root / "docs/tour.md":
            findings += check_stops(page.read_text(encoding="utf-8"))
        for line, finding in sorted(findings):
            errors += 1
            print(f"{page.relative_to(root)}:{line}: {finding}")
    print(f"tour: {errors} errors")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
