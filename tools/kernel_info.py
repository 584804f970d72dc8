#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prints registers, shared memory and spills of an op's kernels: `./run kernel-info NAME`.

Compiles kernels/NAME_cuda.cu and kernels/NAME_*_cuda.cu as the build does, for the GPU
architectures that it is configured for, and reads the output of ptxas. It needs nvcc, but no GPU.
Exit code 2 if no kernel has the name.

Columns: registers of a thread; static shared memory and stack frame in bytes; spills, the bytes
that a thread stores to and loads from local memory because registers ran out."""
import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

import cubin
import kernel_table

ROOT = Path(__file__).resolve().parent.parent
ENTRY = re.compile(r"Compiling entry function '(\S+)' for '(sm_\d+\w*)'")
STACK = re.compile(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads")
USED = re.compile(r"Used (\d+) registers")
SHARED = re.compile(r"(\d+) bytes smem")


def command_of(build, source):
    """Returns the command that compiles `source`, without compiler cache and output."""
    for entry in json.loads((build / "compile_commands.json").read_text(encoding="utf-8")):
        if Path(entry["file"]).resolve() == source:
            return kernel_table.nvcc_words(entry["command"]), entry["directory"]
    raise SystemExit(f"kernel-info: {build}/compile_commands.json does not name {source.relative_to(ROOT)}")


def demangled(names):
    return [re.sub(r"\(anonymous namespace\)::|weft::kernels::|weft::|^void ", "", name).split("(")[0]
            for name in cubin.demangled(names)]


def resources(text):
    """Reads ptxas: [{kernel, arch, registers, shared, stack, spill_stores, spill_loads}]."""
    found = []
    for line in text.splitlines():
        if match := ENTRY.search(line):
            found.append({"kernel": match[1], "arch": match[2], "registers": 0, "shared": 0, "stack": 0, "spill_stores": 0,
                          "spill_loads": 0})
        elif found and (match := STACK.search(line)):
            found[-1].update(stack=int(match[1]), spill_stores=int(match[2]), spill_loads=int(match[3]))
        elif found and (match := USED.search(line)):
            shared = SHARED.search(line)
            found[-1].update(registers=int(match[1]), shared=int(shared[1]) if shared else 0)
    for kernel, name in zip(found, demangled([k["kernel"] for k in found])):
        kernel["kernel"] = name
    return sorted(found, key=lambda k: (k["kernel"], k["arch"]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     prog="./run kernel-info", allow_abbrev=False)
    parser.add_argument("build", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("name", metavar="NAME")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--check-arguments", action="store_true", help=argparse.SUPPRESS)
    for word in sys.argv[1:]:
        if word.partition("=")[0] in kernel_table.OPTIONS:
            kernel_table.stop(f"{word} is an option of ./run kernel-info --all; without --all, the name of an op alone is required")
    options = parser.parse_args()
    if not re.fullmatch(r"\w+", options.name):
        kernel_table.stop(f"'{options.name}' given; the name of an op, like softmax, is required")
    sources = sorted({path for pattern in (f"{options.name}_cuda.cu", f"{options.name}_*_cuda.cu")
                      for path in (ROOT / "kernels").rglob(pattern)})
    if not sources:
        known = ", ".join(sorted(p.name.removesuffix("_cuda.cu") for p in (ROOT / "kernels").rglob("*_cuda.cu")))
        print(f"kernel-info: no kernels/{options.name}_cuda.cu; known: {known}", file=sys.stderr)
        sys.exit(2)
    if options.check_arguments:
        return
    rows = []
    for source in sources:
        words, folder = command_of(options.build.resolve(), source)
        done = subprocess.run([*words, "-Xptxas", "-v", "-o", "/dev/null"], cwd=folder, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            print(done.stdout, file=sys.stderr)
            print(f"kernel-info: {source.relative_to(ROOT)} does not compile", file=sys.stderr)
            sys.exit(1)
        rows += resources(done.stdout)
    width = max((len(row["kernel"]) for row in rows), default=6)
    print(f"{'kernel':{width}}  {'arch':6} registers  shared  stack  spill stores  spill loads")
    for row in rows:
        print(f"{row['kernel']:{width}}  {row['arch']:6} {row['registers']:9d}  {row['shared']:6d}  "
              f"{row['stack']:5d}  {row['spill_stores']:12d}  {row['spill_loads']:11d}")
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


main()
