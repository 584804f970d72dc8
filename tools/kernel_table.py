#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Registers, local and shared memory, and occupancy of every kernel: `./run kernel-info --all`.

    --archs 80,90   these architectures, not all six
    --built         read the objects of build/cuda, and compile nothing
    --compare       fail if a kernel needs more than in the stored table
    --renew         write the stored table, tools/kernel_table.csv
    --sass          fail if a hot kernel misses a rule of tools/hot_kernels.py
    --jobs N        compilations at once

It needs nvcc, but no GPU. Compiling is incremental (build/kernel-info): a file is compiled again
when it, a header of it or the options have changed.

A cell of the table is registers/occupancy, and for kernels with local memory
registers/occupancy/frame/traffic: the registers of a thread; the percentage of the resident threads
of a multiprocessor that its blocks can fill; the bytes of a thread's stack frame; the bytes that
the instructions which access local memory store and load, each counted once (spills, or arrays
that are indexed at run time).

Exit code 1 if a kernel got worse or misses a rule, 2 if the question cannot be answered."""
import argparse
import csv
import hashlib
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cubin
import hot_kernels

ROOT = Path(__file__).resolve().parent.parent
TABLE = ROOT / "tools/kernel_table.csv"
OUTPUT = ROOT / "build/kernel-info"
OPTIONS = ("--archs", "--built", "--compare", "--renew", "--sass", "--jobs")  # of the table alone
HINT = "if that is meant: ./run kernel-info --all --renew, and commit tools/kernel_table.csv"

# What a multiprocessor has: threads, blocks, and bytes of shared memory; and what the system takes
# of the latter for each block.
# source: CUDA C++ Programming Guide 13.0, "Compute Capabilities", table "Technical Specifications
# per Compute Capability" (resident threads and blocks, 64 K registers for all, shared memory), and
# of 8.x and later "1 KB of shared memory per thread block is reserved for system use".
LIMITS = {75: (1024, 16, 64 << 10, 0), 80: (2048, 32, 164 << 10, 1 << 10), 86: (1536, 16, 100 << 10, 1 << 10),
          89: (1536, 24, 100 << 10, 1 << 10), 90: (2048, 32, 228 << 10, 1 << 10), 100: (2048, 32, 228 << 10, 1 << 10)}
WARP = 32
# source: cuda_occupancy.h of the toolkit; tests/tools/kernel_table_test.py has its answers
REGISTERS, REGISTER_UNIT, SUBPARTITIONS = 64 << 10, 256, 4
SHARED_UNIT = {75: 256}  # 128 bytes from 8.0 on
USUAL_THREADS = 256      # kThreads, for a kernel that does not say its block size


def stop(sentence):
    print(f"kernel-info: {sentence}", file=sys.stderr)
    sys.exit(2)


def rounded(value, unit):
    return -(-value // unit) * unit


def occupancy(arch, registers, shared, threads):
    """Returns the percentage of a multiprocessor's threads that blocks of the kernel can fill."""
    most_threads, most_blocks, memory, reserved = LIMITS[arch]
    warps = -(-threads // WARP)
    blocks = min(most_blocks, most_threads // (warps * WARP))
    if registers:
        # Registers are given to a warp from the quarter of the file that its scheduler has.
        per_quarter = REGISTERS // SUBPARTITIONS // rounded(registers * WARP, REGISTER_UNIT)
        blocks = min(blocks, per_quarter * SUBPARTITIONS // warps)
    block_memory = rounded(shared + reserved, SHARED_UNIT.get(arch, 128))
    if block_memory:
        blocks = min(blocks, memory // block_memory)
    return round(100 * blocks * warps * WARP / most_threads)


def short(name):
    """Shortens a demangled kernel: no namespaces, no result, no parameters."""
    name = name.replace("(anonymous namespace)::", "")
    name = re.sub(r"\b(weft|kernels|std)::|^void ", "", name)
    depth = 0
    for at, letter in enumerate(name):
        if letter == "(" and depth == 0:
            return name[:at].replace(" ", "")
        depth += (letter in "<(") - (letter in ">)")
    return name.replace(" ", "")


# ---- kernels -------------------------------------------------------------------------------------


def nvcc_words(command):
    """Returns the words of a command that compiles by nvcc, without compiler cache and output."""
    words = shlex.split(command)
    while not Path(words[0]).name.startswith("nvcc"):
        words.pop(0)
    at = words.index("-o")
    del words[at:at + 2]
    return words


def commands(build):
    """Returns {source: (folder, words)} of the kernels, without the architecture."""
    path = build / "compile_commands.json"
    if not path.exists():
        stop(f"{path} is not there; cmake --preset cuda writes it")
    found = {}
    for entry in json.loads(path.read_text(encoding="utf-8")):
        source = Path(entry["file"])
        if not source.name.endswith("_cuda.cu") or ROOT / "kernels" not in source.parents:
            continue
        words = nvcc_words(entry["command"])
        words.remove("-c")
        found[source] = entry["directory"], [w for w in words if not w.startswith("--generate-code")]
    if not found:
        stop(f"{path} names no kernel of {ROOT}; cmake --preset cuda writes it")
    return dict(sorted(found.items()))


def toolkit(nvcc):
    done = subprocess.run([nvcc, "--version"], text=True, capture_output=True)
    match = re.search(r"V(\d[\d.]*)", done.stdout)
    return match[1] if match else stop(f"{nvcc} --version names no version")


def state_of(words, dependencies):
    """Returns a hash of the command and of the files that it read."""
    state = hashlib.sha256("\0".join(words).encode())
    for path in dependencies:
        state.update(Path(path).read_bytes() if Path(path).exists() else b"gone")
    return state.hexdigest()


def dependencies_of(depfile):
    """The files of the tree that a compilation read, from the rule that it wrote for make."""
    if not depfile.exists():
        return []
    text = depfile.read_text(encoding="utf-8").replace("\\\n", " ").partition(":")[2]
    return sorted({path for path in text.split() if not path.startswith(("/usr/", "/opt/"))})


def compiled(job):
    """Compiles a file for an architecture if needed. Returns its cubin and the seconds it took."""
    source, (folder, words), arch, version = job
    stem = OUTPUT / f"sm_{arch}" / source.stem
    stem.parent.mkdir(parents=True, exist_ok=True)
    target, depfile, key = (stem.with_suffix(s) for s in (".cubin", ".d", ".key"))
    words = [*words, f"-arch=sm_{arch}", "-cubin"]
    named = [version, *words]
    if target.exists() and key.exists() and key.read_text() == state_of(named, dependencies_of(depfile)):
        return target, 0.0
    begin = time.monotonic()
    key.unlink(missing_ok=True)
    done = subprocess.run([*words, "-MD", "-MF", depfile, "-o", target], cwd=folder, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    if done.returncode != 0:
        print(done.stdout, file=sys.stderr)
        stop(f"{source.relative_to(ROOT)} does not compile for sm_{arch}")
    key.write_text(state_of(named, dependencies_of(depfile)))
    return target, time.monotonic() - begin


def built(build, sources):
    """Returns [(source, object)] of the build, and complains about those that are not there."""
    found = []
    for source in sources:
        objects = list((build / "CMakeFiles").glob(f"*.dir/{source.relative_to(ROOT)}.o"))
        if not objects:
            stop(f"build/cuda has no object of {source.relative_to(ROOT)}; build it: ninja -C build/cuda weft")
        found.append((source, objects[0]))
    return found


def rows_of(files, archs):
    """Returns {(file, kernel): {"threads", "shared", arch: kernel}} of [(source, its code)]."""
    rows = {}
    for source, path in files:
        kernels = [k for c in cubin.cubins_of(path) for k in cubin.kernels_of(c) if k["arch"] in archs]
        for kernel, name in zip(kernels, cubin.demangled([k["name"] for k in kernels])):
            threads = kernel["threads"] or USUAL_THREADS
            row = rows.setdefault((source.stem.removesuffix("_cuda"), short(name)), {"threads": threads, "shared": 0})
            if kernel["arch"] in row:
                stop(f"{short(name)} in {source.name} names two kernels for sm_{kernel['arch']}")
            row["shared"] = max(row["shared"], kernel["shared"])
            kernel["traffic"] = sum(bits // 8 * count for (what, bits), count in kernel["accesses"].items()
                                    if what in ("LDL", "STL"))
            kernel["occupancy"] = occupancy(kernel["arch"], kernel["registers"], kernel["shared"], threads)
            row[kernel["arch"]] = kernel
    return rows


def check_archs(rows, archs):
    """Stops if the code lacks an architecture, whose column would be empty."""
    found = {a for row in rows.values() for a in row if isinstance(a, int)}
    if missing := [a for a in archs if a not in found]:
        stop(f"the objects have no code for {', '.join(f'sm_{a}' for a in missing)}; without --built it is compiled")


# ---- the stored table ----------------------------------------------------------------------------

PARTS = ("registers", "occupancy", "stack", "traffic")
WORDS = {"registers": "registers", "stack": "bytes of stack frame", "traffic": "bytes of local loads and stores",
         "occupancy": "% occupancy"}


def cell(kernel):
    values = [kernel[part] for part in PARTS]
    return "/".join(str(v) for v in (values if any(values[2:]) else values[:2]))


def values_of(text):
    values = [int(part) for part in text.split("/")]
    return dict(zip(PARTS, values + [0] * (len(PARTS) - len(values))))


def stored():
    """Returns the toolkit's version and {(file, kernel): {"threads", "shared", arch: cell}}."""
    if not TABLE.exists():
        return None, {}
    with TABLE.open(encoding="utf-8", newline="") as file:
        version = file.readline().strip().removeprefix("# nvcc ")
        rows = {}
        for line in csv.DictReader(file):
            at = line.pop("file"), line.pop("kernel")
            rows[at] = {
                k if k in ("threads", "shared") else int(k.removeprefix("sm_")): v for k, v in line.items() if v}
    return version, rows


def renew(version, rows, archs):
    """Writes the table. The columns of other architectures stay where their kernels still exist."""
    was, old = stored()
    others = sorted({a for row in old.values() for a in row if isinstance(a, int)} - set(archs)) if was == version else []
    columns = sorted({*archs, *others})
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        file.write(f"# nvcc {version}\n")
        out = csv.writer(file, lineterminator="\n")
        out.writerow(["file", "kernel", "threads", "shared", *(f"sm_{a}" for a in columns)])
        for at in sorted(rows):
            row = rows[at]
            cells = [cell(row[a]) if a in row else old.get(at, {}).get(a, "") for a in columns]
            out.writerow([*at, row["threads"], row["shared"], *cells])
    print(f"{TABLE.relative_to(ROOT)}: {len(rows)} kernels, sm_{', sm_'.join(map(str, columns))}")


def worse(rows, table, archs):
    """Returns a sentence for each kernel that needs more than the table says, or is not in it."""
    found = []
    known = {a for row in table.values() for a in row if isinstance(a, int)}
    for (file, name), row in sorted(rows.items()):
        if (file, name) not in table:
            found.append(f"{file}: {name} is not in the table")
            continue
        for arch in (a for a in archs if a in known and a in row):
            text = table[file, name].get(arch)
            before = values_of(text) if text else dict.fromkeys(PARTS, 0)
            for part in PARTS:
                is_worse = row[arch][part] < before[part] if part == "occupancy" else row[arch][part] > before[part]
                if is_worse:
                    found.append(f"{file}: {name}, sm_{arch}: {row[arch][part]} {WORDS[part]}; the table has {before[part]}")
    found += [f"{file}: {name} is in the table and no longer in the sources"
              for file, name in sorted(set(table) - set(rows))]
    return found


# ---- output --------------------------------------------------------------------------------------


def print_rows(rows, archs):
    width = min(max((len(name) for _, name in rows), default=6), 90)
    print(f"{'kernel':{width}}  shared  " + "".join(f"{f'sm_{a}':>16}" for a in archs))
    for (_, name), row in sorted(rows.items()):
        print(f"{name:{width}}  {row['shared']:6d}  " + "".join(f"{cell(row[a]) if a in row else '-':>16}" for a in archs))


def print_summary(rows, archs):
    for arch in archs:
        here = {at: row[arch] for at, row in rows.items() if arch in row}
        local = [at for at, k in here.items() if k["traffic"] or k["stack"]]
        low = [at for at, k in here.items() if k["occupancy"] < 50]
        most = max(here, key=lambda at: here[at]["registers"], default=None)
        if most is None:
            continue
        print(f"sm_{arch}: {len(here)} kernels; {len(local)} with local memory; {len(low)} below half of the occupancy; "
              f"most registers: {here[most]['registers']} in {most[1]}")


def usual_jobs():
    """The number of compilations at once that CMake takes, or that of cores."""
    given = os.environ.get("CMAKE_BUILD_PARALLEL_LEVEL")
    if not given:
        return os.cpu_count() or 1
    if not re.fullmatch(r"0*[1-9]\d{0,5}", given):
        stop(f"CMAKE_BUILD_PARALLEL_LEVEL={given}: a number from 1 is required")
    return int(given)


def parsed():
    """Returns the options, and the architectures they ask for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter,
                                     prog="./run kernel-info", usage="./run kernel-info --all [OPTION …]", allow_abbrev=False)
    parser.add_argument("build", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--all", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--archs", default=None, metavar="80,90")
    parser.add_argument("--built", action="store_true")
    parser.add_argument("--compare", action="store_true")
    parser.add_argument("--renew", action="store_true")
    parser.add_argument("--sass", action="store_true")
    parser.add_argument("--jobs", type=int)
    parser.add_argument("--check-arguments", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.jobs is None:
        options.jobs = usual_jobs()
    if options.jobs < 1:
        stop(f"--jobs {options.jobs}: a number from 1 is required")
    asked = options.archs
    if asked is None:
        asked = "80,90" if options.built else ",".join(map(str, LIMITS))
    if not re.fullmatch(r"\d+(,\d+)*", asked) or not {int(a) for a in asked.split(",")} <= set(LIMITS):
        stop(f"--archs {asked or repr(asked)}: a list of {', '.join(map(str, LIMITS))} is required")
    archs = sorted({int(a) for a in asked.split(",")})
    return options, archs


def main():
    options, archs = parsed()
    if options.check_arguments:
        return
    build = options.build.resolve()
    jobs = commands(build)
    version = toolkit(next(iter(jobs.values()))[1][0])
    if options.built:
        files = built(build, jobs)
    else:
        begin = time.monotonic()
        with ThreadPoolExecutor(options.jobs) as pool:
            work = [(source, command, arch, version) for arch in archs for source, command in jobs.items()]
            done = list(pool.map(compiled, work))
        files = [(job[0], path) for job, (path, _) in zip(work, done)]
        print(f"{sum(1 for _, s in done if s > 0)} of {len(done)} files compiled in {time.monotonic() - begin:.0f} s")
    try:
        rows = rows_of(files, archs)
    except cubin.FormatError as error:
        stop(str(error))
    check_archs(rows, archs)
    failed = False
    if options.renew:
        renew(version, rows, archs)
    if options.compare:
        recorded, table = stored()
        if recorded != version:
            print(f"kernel-info: skipped: the table is of nvcc {recorded}, and this is nvcc {version}, which may "
                  "give kernels other registers")
        else:
            problems = worse(rows, table, archs)
            for problem in problems:
                print(f"kernel-info: {problem}", file=sys.stderr)
            if problems:
                print(f"kernel-info: {HINT}", file=sys.stderr)
            failed |= bool(problems)
    if options.sass:
        problems = hot_kernels.misses(rows, archs)
        for problem in problems:
            print(f"kernel-info: {problem}", file=sys.stderr)
        failed |= bool(problems)
    if not (options.compare or options.renew or options.sass):
        print_rows(rows, archs)
    print_summary(rows, archs)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # a reader like head has seen enough
    main()
