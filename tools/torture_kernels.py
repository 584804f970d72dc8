#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that the tests of the CUDA kernels find deleted barriers. It runs on the emulated device.

  1. The kernel tests and the planted bugs run plain, under ASan + UBSan, and under TSan.
  2. Each __syncthreads(), __syncwarp() and __threadfence() in kernels/ is deleted in turn. A test
     must fail, plain or under TSan. A line that no test reaches is a finding too.
  3. A launch covers more than 2^31 elements, which takes two gigabytes (not with --short).

The emulator ignores the line that WEFT_SKIP_SITE names, so that nothing is compiled again.
Usage: torture_kernels.py PLAIN_BUILD ASAN_BUILD TSAN_BUILD [--short]. --short leaves ASan out
(./run --preset emulated-asan test runs it), and the tests that reach a deleted line first must
fail. Exit code 1 and one line per finding if there is one."""
import argparse
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SYNC = re.compile(r"\b(__syncthreads(?:_count|_and|_or)?|__syncwarp|__threadfence(?:_block)?)\s*\(")
COMMENT = re.compile(r"//.*$")
ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "ASAN_OPTIONS": "allocator_may_return_null=1:detect_stack_use_after_return=0",
    "TSAN_OPTIONS": "halt_on_error=1:report_signal_unsafe=0",
    "UBSAN_OPTIONS": "print_stacktrace=1",
}


def run(binary, filters=None, options=(), **extra):
    """Returns (passed, output). Stops at the first failure."""
    command = [binary, "--gtest_brief=1", "--gtest_fail_fast", *options]
    if filters:
        command.append("--gtest_filter=" + ":".join(filters))
    try:
        done = subprocess.run(command, env={**os.environ, **ENVIRONMENT, **extra}, text=True, errors="replace",
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=900)
    except subprocess.TimeoutExpired:
        return False, "over 900 s"
    return done.returncode == 0, done.stdout


def names_of_tests(binary):
    listed = subprocess.run([binary, "--gtest_list_tests"], text=True, capture_output=True, check=True).stdout
    suite, names = "", []
    for line in listed.splitlines():
        name = line.split("#")[0].strip()
        if line.startswith(" "):
            names.append(suite + name)
        elif name.endswith("."):
            suite = name
    return names


def run_on_all_cores(binary):
    """Runs all tests of a binary, in as many processes as there are cores."""
    cores, names = os.cpu_count() or 1, names_of_tests(binary)
    with ThreadPoolExecutor(cores) as pool:
        parts = list(pool.map(lambda core: run(binary, names[core::cores]), range(min(cores, len(names)))))
    return all(passed for passed, _ in parts), "".join(output for passed, output in parts if not passed)


def sites_in_sources(folder):
    """{"kernels/softmax_cuda.cu:57": "__syncthreads"}"""
    found = {}
    for path in sorted(p for p in folder.rglob("*") if p.suffix in (".cu", ".cuh", ".h")):
        for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
            if match := SYNC.search(COMMENT.sub("", line)):
                found[f"{path.relative_to(ROOT).as_posix()}:{number}"] = match.group(1)
    return found


def tests_by_site(binary):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sites"
        passed, output = run(binary, WEFT_SYNC_SITES=str(file))
        tests = defaultdict(list)
        if file.exists():
            for line in file.read_text().splitlines():
                test, _, place = line.split("\t")
                # The path may lead through the build's include folder.
                name = re.sub(r"^.*?(?=(kernels|tests)/)", "", place)
                if test not in tests[name]:
                    tests[name].append(test)
        return passed, output, tests


def main():
    parser = argparse.ArgumentParser(description="Checks that the tests of the CUDA kernels find deleted barriers.")
    parser.add_argument("plain", type=Path)
    parser.add_argument("asan", type=Path)
    parser.add_argument("tsan", type=Path)
    parser.add_argument("--short", action="store_true", help="without ASan")
    arguments = parser.parse_args()
    findings = []

    def check(what, passed, output, started):
        print(f"{what:<48} {'passed' if passed else 'FAILED':<8} {time.time() - started:6.1f} s", flush=True)
        if not passed:
            findings.append(what)
            print(output[-6000:])

    builds = [("plain", arguments.plain), ("ASan + UBSan", arguments.asan), ("TSan", arguments.tsan)]
    if arguments.short:
        del builds[1]
    tests = {}
    for name, build in builds:
        for binary in ("test_simt", "test_cuda"):
            started = time.time()
            if name == "plain" and binary == "test_cuda":
                passed, output, tests = tests_by_site(build / binary)
            else:
                passed, output = run_on_all_cores(build / binary)
            check(f"{binary}, {name}", passed, output, started)
    if not arguments.short:
        started = time.time()
        passed, output = run(arguments.plain / "test_cuda", ["*MoreThanTwoToThe31Elements"],
                             ["--gtest_also_run_disabled_tests"])
        check("more than 2^31 elements", passed and "PASSED  ] 1 test" in output, output, started)
    if findings:
        print("torture: tests fail without a deletion; nothing was deleted")
        return 1

    caught = defaultdict(int)
    started = time.time()
    sites = sites_in_sources(ROOT / "kernels")

    def delete(site):
        """Returns the name of the build whose tests find the deletion, or None."""
        for name, build in (builds[0], builds[-1]):
            passed, _ = run(build / "test_cuda", tests[site], WEFT_SKIP_SITE=site)
            if not passed:
                return name
        return None

    reached = [site for site in sites if site in tests]
    for site in sites.keys() - reached:
        print(f"{site}: no test reaches this {sites[site]}")
        findings.append(site)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for site, name in zip(reached, pool.map(delete, reached)):
            if name:
                caught[name] += 1
                print(f"{site}: {sites[site]} deleted: caught, {name}", flush=True)
            else:
                print(f"{site}: {sites[site]} deleted: no test fails")
                findings.append(site)
    print(f"\n{len(sites)} barriers and fences deleted in turn, {time.time() - started:.0f} s: "
          + ", ".join(f"{count} caught {name}" for name, count in caught.items())
          + f", {len(findings)} not caught")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
