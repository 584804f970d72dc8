#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints what `./run op NAME` builds and runs for one op: op_tests.py NAME

The first line is the GoogleTest filter for op_rows (the op's rows) and the second that for
op_kernels (tests of its kernels); a line is empty if there are none. The other lines are the
sources of both (cmake/op_tests.cmake). The tests of an op are those in the files of its name, and a
row that names it in a file of its family. If there are none, the known names are printed, with exit
code 2."""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROW = re.compile(r"^WEFT_OP_ROW\(\s*(\w+)", re.MULTILINE)
TEST = re.compile(r"^ *TEST(?:_F|_P)?\((\w+)", re.MULTILINE)
INCLUDE = re.compile(r'^#include "weft/(kernels/.*)"', re.MULTILINE)


def names(pattern, path):
    return set(pattern.findall(path.read_text(encoding="utf-8"))) if path.exists() else set()


def includes(path):
    return INCLUDE.findall((ROOT / path).read_text(encoding="utf-8"))


def contract_of(source):
    """The header, without .h, of a source of kernels/: the longest that begins its name."""
    words = str(source.with_suffix("").relative_to(ROOT)).split("_")
    for count in range(len(words), 0, -1):
        name = "_".join(words[:count])
        if (ROOT / f"{name}.h").exists():
            return name
    return words[0]  # broadcast_cpu.cpp is of elementwise.h, and has a test of its own name


def sources_with(test, family):
    """The sources of kernels/ that a test needs: those of the headers that it and they include."""
    sources = {}
    for source in sorted((ROOT / "kernels").rglob("*_*.c*")):
        sources.setdefault(contract_of(source), []).append(str(source.relative_to(ROOT)))
    found, seen, waiting = [test], set(), [f"kernels/{family}.h", *includes(test)]
    while waiting:
        header = waiting.pop()
        if header in seen:
            continue
        seen.add(header)
        own = sources.get(header.removesuffix(".h"), [])
        found += own
        for file in [header, *own]:
            if (ROOT / file).exists():
                waiting += includes(file)
    return found


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    name = sys.argv[1]
    rows = {path: names(ROW, path) for path in sorted((ROOT / "tests/autograd").glob("*_test.cpp"))}
    of_name = ROOT / f"tests/autograd/{name}_test.cpp"
    suites = rows.get(of_name, set()) | names(TEST, of_name)
    family = name
    if not suites:
        for path, known in rows.items():
            if name in known:
                suites, family = {name}, path.name.removesuffix("_test.cpp")
    kernels, sources = set(), []
    if suites:
        sources.append(f"tests/autograd/{family}_test.cpp")
    for suffix in ("cpp", "cu"):
        test = f"tests/cuda/{family}_test.{suffix}"
        if (ROOT / test).exists():
            kernels |= names(TEST, ROOT / test)
            sources += sources_with(test, family)
    if not suites and not kernels:
        known = sorted(set().union(*rows.values()) | {p.name.removesuffix("_test.cpp") for p in rows if rows[p]})
        print(f"op: no test of an op '{name}'; known: {', '.join(known)}; ./run new-op {name} begins one", file=sys.stderr)
        sys.exit(2)
    print(":".join(f"{suite}.*:{suite}_*.*" for suite in sorted(suites)))
    print(":".join(f"{suite}.*" for suite in sorted(kernels)))
    print("\n".join(dict.fromkeys(sources)))


main()
