#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds for one GPU architecture and fills a folder for a machine that is lent for some minutes:

    ./run gpu-check pack DIR [--arch 90] [--data DIR]      here, with nvcc and without a GPU
    ./run gpu-check --from DIR                             there, without a compiler

The folder has the test programs, the `weft` command and the benchmarks, the libraries of the
system that they need, MNIST from --data ($WEFT_DATA_DIR, data/), and the CPU's losses of the short
runs. It has no CUDA: the driver, cuBLAS (libcublasLt.so.13, 540 MB) and cuDNN (libcudnn.so.9, 500
MB) must be there, in the toolkit or in the packages of python3. The stage `smoke` looks for them
first. The compiled code needs a glibc and a libstdc++ not older than those here.

The folder and the tracked files of the clone must fit in --limit together. --build FOLDER packs a
finished build instead."""
import argparse
import json
import lzma
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import carried
import machine
import runs
import stages

PROGRAMS = ["weft", "test_cuda", "test_gpu", "test_autograd", "test_dist", "weft_bench", "kernel_bench", "libweft_nccl.so"]
OPTIONAL = {"test_dist", "libweft_nccl.so"}
# These come with any Linux, a C++ compiler, the driver or CUDA, and must be those of that machine.
THERE = re.compile(r"(ld-linux|linux-vdso|lib(c|m|dl|rt|pthread|stdc\+\+|gcc_s|cuda|cudart|cublas\w*|cudnn\w*|nccl|nvrtc)\.so)")
# oneDNN is left out, because it is large: Eigen multiplies on that machine's CPU.
FLAGS = ["-DWEFT_TESTS=ON", "-DWEFT_ONEDNN=OFF", "-DWEFT_GLOO=OFF", "-DCMAKE_BUILD_RPATH=$ORIGIN;$ORIGIN/lib"]
MIB = 1 << 20
ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
ARCHITECTURES = [75, 80, 86, 87, 88, 89, 90, 100, 103, 110, 120, 121]  # those of nvcc 13
# libweft and test_cuda have the same kernels, which a window of their size finds. A higher preset
# takes twice the time for 2 % less.
COMPRESSION = [{"id": lzma.FILTER_LZMA2, "preset": 1, "dict_size": 64 * MIB}]


def stop(sentence, code=2):
    print(f"gpu-check pack: {sentence}", file=sys.stderr)
    sys.exit(code)


def build(root, arch):
    folder = root / f"build/cuda-sm_{arch}"
    done = subprocess.run(["cmake", "--preset", "cuda", "-B", folder, f"-DCMAKE_CUDA_ARCHITECTURES={arch}-real", *FLAGS],
                          cwd=root, text=True, capture_output=True)
    if done.returncode != 0:
        stop(f"the build cannot be configured:\n{done.stdout[-2000:]}{done.stderr[-2000:]}", 1)
    if subprocess.run(["ninja", "-C", folder, *stages.TARGETS]).returncode != 0:
        stop("the build failed; the first error above is the cause", 1)
    return folder


def libraries_of(file):
    """{name: path} of the libraries that travel with a program."""
    text = subprocess.run(["ldd", file], text=True, capture_output=True).stdout
    found = dict(re.findall(r"^\s*(\S+) => (/\S+)", text, re.MULTILINE))
    return {name: path for name, path in found.items() if not THERE.match(name)}


def copy_programs(source, to):
    lib = to / "lib"
    lib.mkdir(parents=True)
    for name in PROGRAMS:
        if (source / name).exists():
            shutil.copy(source / name, to / name)
        elif name not in OPTIONAL:
            stop(f"{source}/{name} does not exist; build it first")
    needed = {}
    for name in PROGRAMS:
        if (source / name).exists():
            needed.update(libraries_of(source / name))
    for name, path in needed.items():
        shutil.copy(path, (to if name.startswith("libweft") else lib) / name)
    for file in [one for one in to.rglob("*") if one.is_file()]:
        subprocess.run(["strip", "--strip-unneeded", file], check=False, stderr=subprocess.DEVNULL)


class Here:
    """What runs.losses needs of a Check, for the CPU's losses."""

    def __init__(self, root, work, data):
        self.root, self.work, self.binaries, self.data = root, work, work / "bin", data
        self.environment = machine.environments(root, self.binaries, machine.site_libraries(), data)[0]

    def run(self, name, command, deadline):
        print(f"gpu-check pack: {name}", flush=True)
        left = max(1, deadline - time.monotonic())
        try:
            done = subprocess.run([str(part) for part in command], env=self.environment, timeout=left, text=True,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        except subprocess.TimeoutExpired:
            return 124, "it took too long"
        return done.returncode, done.stdout


def cpu_losses(root, work, data):
    found = {}
    here = Here(root, work, data)
    for name in runs.BESIDE_CPU:
        if name.startswith("mnist") and not runs.has(here, "mnist"):
            continue
        try:
            found[name] = runs.losses(here, name, "cpu", time.monotonic() + 300)
        except (RuntimeError, OSError, KeyError) as error:
            print(f"gpu-check pack: {name} does not run here ({error}); its losses on the CPU are computed there")
    return found


def copy_data(data, folder):
    if not data or not (data / "mnist").is_dir():
        print("gpu-check pack: without MNIST, which is not in --data, $WEFT_DATA_DIR or data/; its runs are left out")
        return
    (folder / "data/mnist").mkdir(parents=True)
    for file in sorted((data / "mnist").glob("*-ubyte.gz")) or sorted((data / "mnist").glob("*-ubyte")):
        shutil.copyfile(file, folder / "data/mnist" / file.name)


def check_size(root, folder, work, limit):
    """Returns the sizes in MiB of the folder and of the clone's tracked files, which must fit."""
    listed = machine.output_of(["git", "-C", str(root), "ls-files", "-z"]).split("\0")
    clone = sum((root / name).stat().st_size for name in listed if name and (root / name).is_file())
    packed = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    if packed + clone > limit * MIB:
        files = sorted((path for base in (folder, work) for path in base.rglob("*") if path.is_file()),
                       key=lambda path: -path.stat().st_size)
        largest = ", ".join(f"{path.name} {path.stat().st_size / MIB:.1f}" for path in files[:6])
        stop(f"the folder has {packed / MIB:.1f} MiB and the clone {clone / MIB:.1f}; {limit:g} MiB together are the limit. "
             f"The largest files, in MiB: {largest}", 1)
    return packed / MIB, clone / MIB


def check_folder(folder):
    """Stops if the folder has files or cannot be made. It is not made yet."""
    made = []
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            stop(f"{folder} is not an empty folder; a new or empty folder is required")
        if folder.exists() and not os.access(folder, os.W_OK):
            stop(f"{folder} cannot be written; a new or empty folder is required")
        for path in [path for path in (*reversed(folder.parents), folder) if not path.exists()]:
            path.mkdir()
            made.append(path)
    except OSError as error:
        stop(f"{folder} cannot be made ({error.strerror}); a new or empty folder is required")
    finally:
        for path in reversed(made):
            path.rmdir()


def check_arch(options):
    if options.arch not in map(str, ARCHITECTURES):
        stop(f"--arch: '{options.arch}' given; a compute capability without its dot is required: "
             f"{', '.join(map(str, ARCHITECTURES))}")
    cache = options.build and options.build / "CMakeCache.txt"
    if not cache or not cache.is_file():
        return
    found = re.search(r"^CMAKE_CUDA_ARCHITECTURES:\w+=(.*)$", cache.read_text(encoding="utf-8", errors="replace"), re.MULTILINE)
    if not found:
        stop(f"--build: {options.build} is no build for a GPU; one for --arch {options.arch} is required")
    # Beside numbers there are words like `native`, of which nothing is known here.
    built = [word.removesuffix("-real") for word in found[1].split(";") if not word.endswith("-virtual")]
    if options.arch not in built and all(word.isdigit() for word in built):
        stop(f"--build: {options.build} is built for {', '.join(built)}; one for --arch {options.arch} is required")


class Ended(SystemExit):
    """The program was told to end."""


def ended(number, _):
    for one in ENDING:
        signal.signal(one, signal.SIG_IGN)  # once is enough
    raise Ended(128 + number)


def parsed():
    parser = argparse.ArgumentParser(prog="./run gpu-check pack", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    parser.add_argument("root", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("folder", type=Path, metavar="DIR")
    parser.add_argument("--arch", default="90", help="compute capability without its dot, like 90")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--build", type=Path, metavar="FOLDER")
    parser.add_argument("--limit", type=float, default=64, metavar="MIB")
    parser.add_argument("--check-arguments", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    options.source = None
    check_arch(options)
    if not (math.isfinite(options.limit) and options.limit > 0):
        stop(f"--limit {options.limit:g}: a number of MiB above 0 is required")
    carried.check_data(options, stop)
    check_folder(options.folder)
    return options


def main():
    options = parsed()
    if options.check_arguments:
        return
    for number in ENDING:
        signal.signal(number, ended)
    try:
        fill(options)
    except Ended:  # half a pack would look like one
        if options.folder.is_dir():
            for path in options.folder.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        raise


def fill(options):
    root, folder = options.root, options.folder
    data = carried.data_folder(options)
    begin = time.monotonic()
    source = options.build or build(root, options.arch)
    built = time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="gpu-check-pack-") as work:
        work = Path(work)
        copy_programs(source.resolve(), work / "bin")
        losses = cpu_losses(root, work, data)
        ran = time.monotonic()
        with lzma.open(folder / carried.ARCHIVE, "wb", filters=COMPRESSION) as file, \
             tarfile.open(fileobj=file, mode="w|") as archive:
            archive.add(work / "bin", "bin")
        copy_data(data, folder)
        about = {"arch": options.arch, "commit": machine.output_of(["git", "-C", str(root), "rev-parse", "HEAD"]) or "unknown",
                 "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "cpu_losses": losses}
        (folder / carried.ABOUT).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
        packed = time.monotonic()
        size, clone = check_size(root, folder, work / "bin", options.limit)
        carried.unpack(folder, work / "again")
        unpacked = time.monotonic()
    print(f"{folder}: {size:.1f} MiB, beside {clone:.1f} MiB of the clone, for sm_{options.arch}. The build took "
          f"{built - begin:.0f} s, the CPU's losses {ran - built:.0f} s, packing {packed - ran:.0f} s; "
          f"unpacking takes {unpacked - packed:.1f} s.\nThere: ./run gpu-check --from {os.path.relpath(folder, root)}")


if __name__ == "__main__":
    main()
