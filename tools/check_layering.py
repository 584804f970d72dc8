#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks rules that a compiler does not: which folders include which, where some headers may be
included, a licence line on every source, and file sizes. Usage: check_layering.py [ROOT]. Exit code
1 and one line per finding if a rule is broken. A long file gets a note until it exceeds the
limit."""
import re
import sys
from pathlib import Path

# A folder includes itself and the folders to its left.
ORDER = ["core", "device", "kernels", "tensor", "autograd", "nn", "optim", "data", "dist", "train", "view", "app"]
# The rooms of a folder, by floor. A room includes itself and the floors to its left, but not its
# neighbours. "." is the folder itself; a folder without it keeps all its files in rooms.
ROOMS = {
    "core": [["."], ["config"]],
    "kernels": [["common"], [".", "optim"], ["library"]],
    "dist": [["."], ["gloo", "nccl"]],
    "train": [["losses", "metrics", "checkpoint"], ["step"], ["trainer", "evaluation"], ["strategies"], ["run"],
              ["callbacks", "loggers", "trace"]],
}
# These folders are not part of libweft and may include all of it.
OUTSIDE = ["testing", "tests", "bench", "examples"]
CPP = {".h", ".cpp", ".cu", ".cuh"}
SCRIPTS = {".py", ".sh", ".cmake"}
AIM_LINES, MAX_LINES = 300, 500

INCLUDE = re.compile(r'^\s*#\s*include\s*(["<])([^">]+)[">]', re.M)
COMMENT_OR_STRING = re.compile(r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"', re.S)
BACKEND = re.compile(r"^(Eigen/|dnnl|oneapi/|cuda|cublas|cudnn|nccl|mma\.h)")
PRINTS = re.compile(r"\bstd::(cout|cerr|clog|exit|abort|quick_exit)\b|\bfmt::print\b"
                    r"|(?<![\w:.>])(?:std::)?(?:printf|puts|putchar|exit|_exit|abort)\s*\(")
ONEDNN_FILE = re.compile(r"^kernels/library/onednn[a-z0-9_]*\.(h|cpp)$")  # may include oneDNN
CUDNN_HEADER = re.compile(r"^kernels/library/cudnn_\w+\.h$")  # of *_cuda.cpp files
LAUNCHER = "device/cuda/launch.h"  # the only file that may use CUDA's <<<>>>
LAUNCHES = re.compile(r"<<<|\bcudaLaunch\w+|\bcuLaunch\w+")


def sources(root):
    for folder in ORDER + OUTSIDE + ["tools", "cmake", ".ci"]:
        for path in sorted((root / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                yield path
    for name in ("run", "weft.h", "CMakeLists.txt"):
        if (root / name).is_file():
            yield root / name


def is_source(path):
    if path.suffix in CPP | SCRIPTS or path.name == "CMakeLists.txt":
        return True
    return not path.suffix and path.read_bytes()[:2] == b"#!"


def room_of(parts):
    return parts[1] if len(parts) > 2 else "."


def floors(folder):
    return " <- ".join(", ".join(room if room != "." else f"{folder}/ itself" for room in floor)
                       for floor in ROOMS[folder])


def check_rooms(folder, room, target):
    """Checks an include within one folder."""
    floor = {name: level for level, names in enumerate(ROOMS[folder]) for name in names}
    other = room_of(target.split("/")[1:])
    if other not in floor:
        yield f"includes {target}; {folder}/ has no room '{other}' ({floors(folder)})"
    elif other != room and floor[other] >= floor[room]:
        yield f"includes {target}; the arrow {room} -> {other} is wrong: {floors(folder)}"


def check_includes(name, folder, text):
    room = room_of(name.split("/"))
    known = folder not in ROOMS or any(room in names for names in ROOMS[folder])
    if not known:
        yield f"lies in {room if room != '.' else folder + '/ itself'}; the rooms are {floors(folder)}"
    for mark, target in INCLUDE.findall(text):
        if not target.startswith("weft/"):
            if mark == '"' and folder != "examples":  # examples are a user's code
                yield f'includes "{target}"; our headers are spelled "weft/<folder>/..."'
            if folder == "kernels" and name.endswith(".h") and BACKEND.match(target) \
                    and not ONEDNN_FILE.match(name) and not (CUDNN_HEADER.match(name) and target == "cudnn.h"):
                yield f"includes <{target}>; no back end's types in a kernel header"
            continue
        parts = target.split("/")
        if folder not in ORDER:
            continue
        if len(parts) < 3:
            if folder != "app":
                yield f"includes {target}; the library's own files include what they use"
        elif parts[1] not in ORDER:
            yield f"includes {target}; {parts[1]}/ is not part of the library"
        elif ORDER.index(parts[1]) > ORDER.index(folder):
            yield f"includes {target}; {folder}/ comes before {parts[1]}/ and must not know it"
        elif parts[1] == folder and folder in ROOMS and known:
            yield from check_rooms(folder, room, target)


def check_cpp(name, text):
    folder = name.split("/")[0] if "/" in name else ""
    yield from check_includes(name, folder, text)
    code = COMMENT_OR_STRING.sub('""', text)
    if folder in ORDER + OUTSIDE and name != LAUNCHER and (found := LAUNCHES.search(code)):
        yield f"launches a kernel with {found.group()}; weft::launch of device/launch.h is the only way"
    if folder in ORDER[:-1] and (found := PRINTS.search(code)):
        yield f"uses {found.group().strip()}; the library throws or logs, it never prints or exits"
    if folder in ORDER and "dnnl.hpp" in text and not ONEDNN_FILE.match(name):
        yield "knows oneDNN; only kernels/library/onednn*.{h,cpp} do"
    if folder in ORDER and "using namespace std" in code:
        yield "has `using namespace std`"
    if name.endswith((".h", ".cuh")) and "#pragma once" not in code:
        yield "has no #pragma once"


def check(root):
    """Yields (file, finding, is_error)."""
    for path in sources(root):
        if not is_source(path):
            continue
        name = path.relative_to(root).as_posix()
        text = path.read_text(encoding="utf-8")
        if not any("SPDX-License-Identifier: Apache-2.0" in line for line in text.split("\n")[:3]):
            yield name, "has no SPDX licence line in its first three lines", True
        if path.suffix not in CPP:
            continue
        for finding in check_cpp(name, text):
            yield name, finding, True
        lines = text.count("\n")
        if lines > AIM_LINES:
            yield name, f"has {lines} lines; aim below {AIM_LINES}, {MAX_LINES} is the limit", lines > MAX_LINES


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent).resolve()
    errors = 0
    for name, finding, is_error in check(root):
        errors += is_error
        print(f"{name}: {'' if is_error else 'note: '}{finding}")
    print(f"layering: {errors} errors")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
