#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that `./run op NAME` builds all that the tests of an op need: op_sources_test.py BUILD

For the op of each test in tests/cuda, every kernel that one of its objects asks for (nm) is in
another of them (tools/op_tests.py)."""
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SYMBOL = re.compile(r"^\s*[0-9a-f]*\s+(\w) (.*weft::kernels::.*)$", re.MULTILINE)


def object_of(build, source):
    target = "test_cuda" if source.startswith("tests/") else "weft_kernels"
    return build / f"CMakeFiles/{target}.dir/{source}.o"


def symbols(file, known={}):
    """The kernels' names that an object defines, and those that it asks for."""
    if file not in known:
        text = subprocess.run(["nm", "-C", file], capture_output=True, text=True, check=True).stdout
        found = SYMBOL.findall(text)
        known[file] = ({name for kind, name in found if kind != "U"}, {name for kind, name in found if kind == "U"})
    return known[file]


def main():
    build, failures, checked = Path(sys.argv[1]), 0, 0
    for test in sorted((ROOT / "tests/cuda").glob("*_test.c*")):
        op = test.stem.removesuffix("_test")
        done = subprocess.run([sys.executable, ROOT / "tools/op_tests.py", op], capture_output=True, text=True)
        if done.returncode != 0:
            print(f"FAILED {op}: {done.stderr}")
            failures += 1
            continue
        sources = [line for line in done.stdout.splitlines()[2:] if not line.startswith("tests/autograd/")]
        # The other device's sources have no object.
        objects = [file for file in (object_of(build, source) for source in sources) if file.exists()]
        defined = set().union(*(symbols(file)[0] for file in objects))
        missing = set().union(*(symbols(file)[1] for file in objects)) - defined
        checked += len(objects)
        for name in sorted(missing)[:5]:
            failures += 1
            print(f"FAILED {op}: {name} is in none of its sources")
    print(f"{checked} objects, {failures} errors")
    sys.exit(1 if failures or not checked else 0)


main()
