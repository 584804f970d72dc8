#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints the GoogleTest filters for the tests of one op: op_tests.py NAME. Used by `./run op NAME`.

The first line is for test_autograd (the op's rows) and the second for test_cuda (its kernels). A
line is empty if there are none. The tests of an op are those in the files of its name, and a row
that names it in a file of its family. If there are none, the known names are printed, with exit
code 2."""
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROW = re.compile(r"^WEFT_OP_ROW\(\s*(\w+)", re.MULTILINE)
TEST = re.compile(r"^TEST(?:_F|_P)?\((\w+)", re.MULTILINE)


def names(pattern, path):
    return set(pattern.findall(path.read_text(encoding="utf-8"))) if path.exists() else set()


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
    kernels = set()
    for suffix in ("cpp", "cu"):
        kernels |= names(TEST, ROOT / f"tests/cuda/{family}_test.{suffix}")
    if not suites and not kernels:
        known = sorted(set().union(*rows.values()) | {p.name.removesuffix("_test.cpp") for p in rows if rows[p]})
        print(f"op: no test of an op '{name}'; known: {', '.join(known)}; ./run new-op {name} begins one", file=sys.stderr)
        sys.exit(2)
    print(":".join(f"{suite}.*:{suite}_*.*" for suite in sorted(suites)))
    print(":".join(f"{suite}.*" for suite in sorted(kernels)))


main()
