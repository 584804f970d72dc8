#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Fills a folder with all that the build needs except CUDA, for a GPU machine without a network:

    ./run gpu-check pack-deps DIR            here, where the packages are installed (or can be)
    ./run --deps DIR gpu-check               there

The folder holds headers and static libraries of the Debian packages that ./run installs, about 25
MB, with the files by which CMake finds them. libfmt is taken as headers only. oneDNN is left out,
because it is large: Eigen multiplies on that machine's CPU."""
import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

PACKAGES = ["libfmt-dev", "libeigen3-dev", "libyaml-cpp-dev", "nlohmann-json3-dev", "libcli11-dev", "zlib1g-dev",
            "libpng-dev", "libjpeg62-turbo-dev", "libssl-dev", "libgtest-dev"]
LIBRARIES = ["libyaml-cpp.a", "libz.a", "libpng16.a", "libjpeg.a", "libcrypto.a", "libgtest.a",
             "libgtest_main.a"]
LIMIT_MB = 60

# These files replace Debian's, which name the shared libraries.
CONFIGS = {
    "fmt/fmtConfig.cmake": """if(NOT TARGET fmt::fmt)
  add_library(fmt::fmt INTERFACE IMPORTED)
  set_target_properties(fmt::fmt PROPERTIES INTERFACE_COMPILE_DEFINITIONS FMT_HEADER_ONLY
    INTERFACE_INCLUDE_DIRECTORIES "${CMAKE_CURRENT_LIST_DIR}/../../../include")
endif()
""",
    "GTest/GTestConfig.cmake": """if(NOT TARGET GTest::gtest)
  find_package(Threads REQUIRED)
  foreach(name gtest gtest_main)
    add_library(GTest::${name} STATIC IMPORTED)
    set_target_properties(GTest::${name} PROPERTIES IMPORTED_LOCATION "${CMAKE_CURRENT_LIST_DIR}/../../lib${name}.a"
      INTERFACE_INCLUDE_DIRECTORIES "${CMAKE_CURRENT_LIST_DIR}/../../../include")
  endforeach()
  set_target_properties(GTest::gtest PROPERTIES INTERFACE_LINK_LIBRARIES Threads::Threads)
  set_target_properties(GTest::gtest_main PROPERTIES INTERFACE_LINK_LIBRARIES GTest::gtest)
endif()
""",
    "yaml-cpp/yaml-cppConfig.cmake": """if(NOT TARGET yaml-cpp)
  add_library(yaml-cpp STATIC IMPORTED)
  set_target_properties(yaml-cpp PROPERTIES IMPORTED_LOCATION "${CMAKE_CURRENT_LIST_DIR}/../../libyaml-cpp.a"
    INTERFACE_INCLUDE_DIRECTORIES "${CMAKE_CURRENT_LIST_DIR}/../../../include")
endif()
""",
}


def files_of(package):
    listed = subprocess.run(["dpkg", "-L", package], text=True, capture_output=True)
    if listed.returncode != 0:
        print(f"gpu-check pack-deps: {package} is not installed; apt-get install {package}", file=sys.stderr)
        sys.exit(2)
    return [Path(line) for line in listed.stdout.splitlines() if Path(line).is_file()]


def place_of(path):
    """Returns the path of a file in the folder, or None if it is not needed."""
    parts = path.parts[2:]  # behind /usr
    if path.parts[1] != "usr":
        return None
    architecture = next((part for part in parts if part.endswith("-linux-gnu")), None)
    if parts[0] == "include":  # a library searches one folder, not the architecture's
        return Path(*(part for part in parts if part != architecture))
    if path.name in LIBRARIES:
        return Path("lib", path.name)
    if path.suffix == ".cmake" and path.parts[-2] not in ("fmt", "yaml-cpp", "GTest"):
        return Path(*parts)
    return None


def main():
    parser = argparse.ArgumentParser(prog="./run gpu-check pack-deps", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="DIR")
    folder = parser.parse_args().folder
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        print(f"gpu-check pack-deps: {folder} is not an empty folder; a new or empty folder is required", file=sys.stderr)
        sys.exit(2)
    for package in PACKAGES:
        for path in files_of(package):
            if place := place_of(path):
                (folder / place).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(os.path.realpath(path), folder / place)
    # Local and debugging symbols are not needed here.
    for library in LIBRARIES:
        subprocess.run(["strip", "--strip-debug", folder / "lib" / library], check=True)
    for name, text in CONFIGS.items():
        path = folder / "lib/cmake" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    shutil.copy(folder / "lib/libpng16.a", folder / "lib/libpng.a")
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20
    print(f"{folder}: {size:.0f} MB; there: ./run --deps {folder.name} gpu-check")
    if size > LIMIT_MB:
        print(f"gpu-check pack-deps: more than {LIMIT_MB} MB", file=sys.stderr)
        sys.exit(1)


main()
