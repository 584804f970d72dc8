#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the checks that need a GPU and writes one report: `./run gpu-check [STAGE …]`.

    smoke      one kernel, one product, one convolution and one captured step
    tests      the tests of kernels, whole steps and op rows, and NCCL with one rank, on the GPU;
               after a failure or a crash the others go on
    runs       MNIST MLP and CNN and a ResNet-18 in bf16, captured, with losses beside the CPU's
    sanitize   kernel tests under compute-sanitizer: memcheck, racecheck, synccheck, initcheck
    figures    kernels beside a copy and the libraries' best plans; steps beside PyTorch, where it
               is installed

Without a STAGE all of them run, in this order: what teaches most comes first. --from DIR takes the
programs of `./run gpu-check pack DIR`. Otherwise the stage `build` comes first, which compiles by
nvcc for this machine's GPU; --deps DIR names a folder from `./run gpu-check pack-deps DIR`, for
machines without the packages. No network is used.

A stage is ended after its limit; time that one leaves goes to the later ones. The report is
written whenever something is known, so a run that is cut off has told all until then. It is in
--output (build/gpu-check): gpu-check.txt, gpu-check.json, gpu-check.log and, after failures,
gpu-check-inputs.zip, together below 32 MB. Exit code 1 if a stage failed or was cut off, 2 if
none could begin."""
import argparse
import math
import os
import signal
import sys
import tempfile
import time
from pathlib import Path

import carried
import figures
import machine
import programs
import runs
import stages
from report import Report

# Seconds. Without `build` they are within the 10 minutes that a call on a lent machine may take.
LIMITS = {"build": 270, "smoke": 60, "tests": 130, "runs": 75, "sanitize": 90, "figures": 225}
FUNCTIONS = {"build": stages.build, "smoke": stages.smoke, "tests": stages.tests, "runs": runs.runs,
             "sanitize": stages.sanitize, "figures": figures.figures}


class CutOff(BaseException):
    """The whole program was told to end."""


class Check:
    def __init__(self, root, options, work):
        self.root, self.options, self.work = root, options, work
        self.machine, self.report = machine.UNKNOWN, None

    def prepare(self):
        root, options, work = self.root, self.options, self.work
        self.machine = machine.describe(root)
        self.failures = work / "failures"  # where tests write inputs
        self.failures.mkdir()
        self.site = machine.site_libraries()
        self.carried = carried.unpack(options.source, work) if options.source else None
        self.binaries = work / "bin" if self.carried else root / "build/cuda"
        self.cpu_losses = self.carried["cpu_losses"] if self.carried else {}
        self.data = carried.data_folder(options)
        self.machine["programs"] = "built here"
        if self.carried:
            self.machine["programs"] = f"carried, for sm_{self.carried['arch']}, of commit {self.carried['commit']}"
        self.begin_report()
        self.environment, self.other_environment = machine.environments(
            root, self.binaries, self.site, self.data, self.failures)

    def begin_report(self):
        try:
            self.report = Report(self.options.output, self.machine)
        except OSError as error:
            machine.stop(f"--output: {error.filename} cannot be written ({error.strerror})")

    def was_cut_off(self, name):
        """Has a report even if it was told to end before its first stage, which is `name`."""
        if self.report is None:
            self.begin_report()
        if not self.report.stages:
            self.report.begin(name, 0)["stopped"] = "gpu-check was told to end"
            self.report.end(name, "cut off")

    def settings(self):
        return {"env": self.environment, "cwd": self.root}

    def run(self, name, command, deadline, python=False):
        """Returns (exit code, output)."""
        environment = self.other_environment if python else self.environment
        code, text = programs.run(command, deadline, cwd=self.root, env=environment)
        self.report.log(f"{name}: exit code {code}", text)
        return code, text

    def go(self, names):
        end = time.monotonic() + (self.options.within or sum(LIMITS[name] for name in names))
        for number, name in enumerate(names):
            later = sum(LIMITS[one] for one in names[number + 1:])
            left = end - time.monotonic()
            limit = self.options.seconds or min(left, max(LIMITS[name], left - later))
            print(f"gpu-check: {name}, {max(0, limit):.0f} s", flush=True)
            found = self.report.begin(name, limit)
            state = "cut off"
            try:
                if limit > 0:
                    state = FUNCTIONS[name](self, found, time.monotonic() + limit)
            except CutOff:
                found["stopped"] = "gpu-check was told to end"
                raise
            except Exception as error:  # a mistake of ours must not cost the other stages
                state, found["stopped"] = "failed", f"{type(error).__name__}: {error}"
            finally:
                self.report.end(name, state)
            if name in ("build", "smoke") and state == "failed" and (name == "build" or "stopped" in found):
                break  # nothing else can run


def parsed():
    parser = argparse.ArgumentParser(prog="./run gpu-check", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("stages", nargs="*", metavar="STAGE")
    parser.add_argument("--from", dest="source", type=Path, metavar="DIR", help="a folder from ./run gpu-check pack")
    parser.add_argument("--deps", default="", metavar="DIR")
    parser.add_argument("--data", type=Path, metavar="DIR", help="the folder of mnist/; else that of the pack, else $WEFT_DATA_DIR")
    parser.add_argument("--tests", nargs="+", metavar="PATTERN", help="only these tests, like 'CudaSoftmax.*'")
    parser.add_argument("--quiet", type=float, default=40, help="seconds without output after which a test counts as hanging")
    parser.add_argument("--within", type=float, metavar="SECONDS", help="for all stages together")
    parser.add_argument("--seconds", type=float, help="a limit for each stage instead of its own")
    parser.add_argument("--output", type=Path, metavar="DIR")
    options = parser.parse_intermixed_args()
    for name in ("quiet", "within", "seconds"):
        value = getattr(options, name)
        if value is not None and not (math.isfinite(value) and value > 0):
            machine.stop(f"--{name} {value:g}: a number of seconds above 0 is required")
    if options.tests is not None:
        # A stage behind the patterns is not one of them: the names of tests have a dot.
        options.stages += [word for word in options.tests if word in LIMITS]
        options.tests = [word for word in options.tests if word not in LIMITS]
        for word in options.tests or [""]:
            if not set(word) & set(".*?["):
                machine.stop(f"--tests: '{word}' given; patterns of names of tests, like 'CudaSoftmax.*', are required")
    carried.check_data(options, machine.stop)
    return options


def main():
    options = parsed()
    known = [name for name in LIMITS if name != "build" or not options.source]
    for name in options.stages:
        if name not in known:
            machine.stop(f"'{name}' is not a stage; known: {', '.join(known)}")
    names = list(dict.fromkeys(options.stages)) or known
    options.output = (options.output or options.root / "build/gpu-check").resolve()
    if not options.source and "build" not in names and not (options.root / "build/cuda/test_cuda").exists():
        machine.stop("build/cuda/test_cuda does not exist; run the stage build first, or give --from")
    try:
        options.output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        machine.stop(f"--output: {options.output} is not a folder and cannot become one ({error.strerror})")

    def cut_off(number, _):
        if not programs.ending.is_set():
            programs.end_all()
            raise CutOff(number)

    with tempfile.TemporaryDirectory(prefix="gpu-check-") as work:
        check = Check(options.root, options, Path(work))
        try:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, cut_off)
            check.prepare()
            check.go(names)
        except CutOff:
            check.was_cut_off(names[0])
        programs.ending.set()  # a signal that comes now changes nothing
        text = check.report.write()
        print(text, end="")
        print(f"gpu-check: the report is {options.output}/gpu-check.txt and .json", flush=True)
        passed = check.report.state() == "passed" and len(check.report.stages) == len(names)
        sys.stdout.flush()
    # Threads that still wait for a killed program do not hold the end up.
    os._exit(0 if passed else 1)


main()
