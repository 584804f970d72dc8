#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the fuzz targets of the parsers (tests/fuzz) and prints what they found.

    tools/fuzz.py WEFT_FUZZ [TARGET …] [--short | --campaign] [--seconds N] [--runs N] [--jobs N]
                  [--coverage]
    tools/fuzz.py WEFT_FUZZ TARGET --input FILE    one input alone, with its whole report

First each seed must be taken, or refused if its name begins with `bad`. Then each large input of
tests/fuzz/make_seeds.py runs once, and libFuzzer changes the seeds. --short takes 10 seconds for
each target, from a fixed seed and an empty corpus. A longer run goes on from build/fuzz/corpus.
--campaign runs each target in slices until it has had --seconds of processor time or --runs
executions in all; build/fuzz/campaign.json counts them, so a campaign that was stopped goes on.
Exit code 1, and a line that names the input, for each finding: a report of a sanitizer, another
exception than UserError, a broken law, a slow input, too much memory.
"""
import argparse
import concurrent.futures
import dataclasses
import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
FUZZ = ROOT / "tests/fuzz"
MOST_BYTES = 1 << 20
SLICE_SECONDS = 300  # what a campaign that is stopped loses
HANG_SECONDS = 120  # of the clock; a slow input is found by its processor time (tests/fuzz/fuzz.h)


@dataclasses.dataclass
class Target:
    sources: str             # whose coverage is counted, as a regular expression
    dictionary: str = ""
    block_mib: int = 64      # the largest single allocation
    memory_mib: int = 768    # of the process, with what the sanitizers take


TARGETS = {
    "cifar": Target(r"data/(cifar|file)\.cpp"),
    "csv": Target(r"data/(csv_file|table)\.cpp", "", 128),
    "config": Target(r"core/config/", "yaml"),
    "duration": Target(r"core/duration\.cpp"),
    "event_files": Target(r"train/loggers/(event_files|tfrecord)\.cpp", "json"),
    "glob": Target(r"core/(glob|nearest)\.cpp"),
    "history": Target(r"view/history\.cpp", "json", 128),
    "idx": Target(r"data/(idx|file)\.cpp"),
    # A gzip file of 1 MiB may hold 1 GiB, and its header may ask for that.
    "idx_gz": Target(r"data/(idx|file)\.cpp", "", 1100, 2600),
    "jpeg": Target(r"data/(jpeg_file|resize)\.cpp", "", 300, 1400),
    "json": Target(r"core/json\.cpp", "json"),
    "manifest": Target(r"train/checkpoint/manifest\.cpp", "json"),
    "metrics": Target(r"train/(run/(log_file|metrics_log|run_folder)|loggers/)", "json"),
    "model_card": Target(r"train/checkpoint/model_metadata", "json"),
    # A picture may take 256 MiB.
    "png": Target(r"data/image_file", "png", 300, 1400),
    "plugin": Target(r"core/plugin_stamp\.cpp"),
    "printable": Target(r"core/printable\.cpp"),
    "safetensors": Target(r"nn/safetensors", "json"),
    "stream": Target(r"data/stream/(protocol|record)\.cpp", "json"),
    "stream_journal": Target(r"data/stream/journal\.cpp"),
    "study": Target(r"view/study\.cpp", "json", 128),
    "text": Target(r"data/text\.cpp"),
    "trainer_state": Target(r"train/checkpoint/checkpoint_reader|tensor/state\.cpp", "json"),
}

# The first line that matches says what was found.
REASONS = [r"fuzz: (slow input: .*)", r"(\S+ runtime error: .*)", r"what\(\): +(.*)", r"^SUMMARY: (.*)",
           r"ERROR: libFuzzer: (.*)"]


@dataclasses.dataclass
class Row:
    executions: int = 0
    edges: int = 0           # of the whole program
    slowest: float = 0       # seconds of processor time
    memory: int = 0          # MiB
    processor: float = 0     # seconds

    def add(self, output):
        """Adds what a run of the program has printed; one that ended early has no totals."""
        def number(pattern):
            found = re.findall(pattern, output, re.M)
            return float(found[-1]) if found else 0
        self.executions += int(number(r"stat::number_of_executed_units:\s*(\d+)") or number(r"^#(\d+)"))
        self.edges = max(self.edges, int(number(r"cov: (\d+)")))
        self.slowest = max(self.slowest, number(r"^fuzz: slowest input: ([\d.]+)"))
        self.memory = max(self.memory, int(number(r"^fuzz: peak memory: (\d+)")))
        self.processor += number(r"^fuzz: processor time: ([\d.]+)")


def environment(name, folder, **more):
    # The stack of each allocation would take a tenth of the time; --input asks for it.
    frames = 30 if "WEFT_FUZZ_SAY" in more else 2
    options = ("quarantine_size_mb=16:detect_stack_use_after_return=0:allocator_may_return_null=0:"
               f"malloc_context_size={frames}")
    return dict(os.environ, WEFT_FUZZ_TARGET=name, TMPDIR=str(folder), ASAN_OPTIONS=options,
                UBSAN_OPTIONS="print_stacktrace=1", LC_ALL="C", **more)


def limits(target):
    return [f"-max_len={MOST_BYTES}", f"-timeout={HANG_SECONDS}", f"-malloc_limit_mb={target.block_mib}",
            f"-rss_limit_mb={target.memory_mib}"]


def reason_of(output):
    for reason in REASONS:
        if found := re.search(reason, output, re.M):
            return found[1].strip()
    return "it ended without a reason; its last line: " + (output.strip().splitlines() or ["none"])[-1]


class Fuzzer:
    def __init__(self, options, work):
        self.options, self.work = options, work
        self.kept = Path(options.program).resolve().parent  # build/fuzz
        self.findings = self.kept / "findings"
        self.findings.mkdir(exist_ok=True)
        self.lock = threading.Lock()
        before = self.kept / "campaign.json"
        self.campaign = {name: Row(**row) for name, row in
                         (json.loads(before.read_text()) if before.exists() else {}).items()}

    def command(self, *arguments):
        return [self.options.program, *map(str, arguments)]

    def run(self, name, *arguments, **more):
        done = subprocess.run(self.command(*arguments), env=environment(name, self.work, **more), errors="replace",
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        return done.returncode, done.stderr

    def check_seeds(self, name):
        """Lines of problems; a target that takes nothing finds nothing."""
        seeds = sorted((FUZZ / "seeds" / name).iterdir())
        code, output = self.run(name, *limits(TARGETS[name]), f"-artifact_prefix={self.findings}/{name}-", *seeds,
                                WEFT_FUZZ_SAY="1")
        if code:
            running = re.findall(r"^Running: (.*)", output, re.M)
            yield f"{name}: {reason_of(output)}; input: {running[-1] if running else 'none'}"
            return
        said = re.findall(r"^Running: (\S+)\n(?:(?!Running:).*\n)*?fuzz: (taken|refused: .*)", output, re.M)
        if len(said) != len(seeds):
            yield f"{name}: {len(said)} of {len(seeds)} seeds gave an answer"
        for path, answer in said:
            if (answer == "taken") == Path(path).name.startswith("bad"):
                yield f"{name}: the seed {path} was {answer}"

    def run_large(self, name, row):
        """Adds to `row`; returns lines of problems. libFuzzer does not change these inputs: nearly
        all of its time would go into their parts that are all alike."""
        folder = self.work / "large" / name
        if not folder.is_dir():
            return []
        code, output = self.run(name, *limits(TARGETS[name]), f"-artifact_prefix={self.findings}/{name}-",
                                *sorted(folder.iterdir()))
        row.add(output)
        return [self.problem(name, output)] if code else []

    def problem(self, name, output):
        wrote = re.findall(r"Test unit written to (.*)|^Running: (.*)", output, re.M)
        return f"{name}: {reason_of(output)}; input: {''.join(wrote[-1]) if wrote else 'none'}"

    def fuzz(self, name):
        """(a Row, lines of findings)"""
        row = self.campaign.get(name, Row()) if self.options.campaign else Row()
        problems = list(self.check_seeds(name)) or self.run_large(name, row)
        if not self.options.campaign:
            return row, problems or self.run_slice(name, row, self.options.seconds, self.options.runs)
        while not problems and row.processor < self.options.seconds and row.executions < self.options.runs:
            problems = self.run_slice(name, row, min(SLICE_SECONDS, self.options.seconds - row.processor + 1),
                                      self.options.runs - row.executions)
            self.remember(name, row)
        return row, problems

    def run_slice(self, name, row, seconds, runs):
        """Runs libFuzzer once and adds to `row`; returns lines of problems."""
        target = TARGETS[name]
        corpus = self.work / "corpus" / name if self.options.short else self.kept / "corpus" / name
        corpus.mkdir(parents=True, exist_ok=True)
        arguments = [*limits(target), f"-max_total_time={math.ceil(seconds)}", "-print_final_stats=1", "-verbosity=1",
                     f"-artifact_prefix={self.findings}/{name}-"]
        if self.options.short:
            arguments.append("-seed=1")
        if runs:
            arguments.append(f"-runs={runs}")
        if target.dictionary:
            arguments.append(f"-dict={FUZZ}/dictionaries/{target.dictionary}.dict")
        code, output = self.run(name, *arguments, corpus, FUZZ / "seeds" / name)
        (self.kept / f"{name}.log").write_text(output)
        row.add(output)
        return [self.problem(name, output)] if code else []

    def remember(self, name, row):
        with self.lock:
            self.campaign[name] = row
            unfinished = self.kept / "campaign.json.new"
            unfinished.write_text(json.dumps(self.campaign, indent=1, default=dataclasses.asdict) + "\n")
            unfinished.replace(self.kept / "campaign.json")

    def coverage(self, name):
        """Edges reached and edges in all, of the parser's own sources."""
        folders = [self.kept / "corpus" / name, FUZZ / "seeds" / name, self.work / "large" / name]
        _, output = self.run(name, "-runs=0", "-print_coverage=1", *limits(TARGETS[name]),
                             *[folder for folder in folders if folder.is_dir()])
        reached = total = 0
        for hit, edges, place in re.findall(r"COVERED_FUNC:.* edges: (\d+)/(\d+) (.*)", output):
            if re.search(TARGETS[name].sources, place):
                reached, total = reached + int(hit), total + int(edges)
        return f"{name:14} {reached} of {total} edges of {TARGETS[name].sources}"


def arguments_of(argv):
    parser = argparse.ArgumentParser(prog="./run fuzz", description="Fuzzes the parsers (tests/fuzz).")
    parser.add_argument("program", help=argparse.SUPPRESS)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=f"of {', '.join(TARGETS)}; without one, all")
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--short", action="store_true", help="10 seconds each, the same each time")
    kinds.add_argument("--campaign", action="store_true",
                       help="an hour of processor time or 10 million executions each; goes on where it was stopped")
    parser.add_argument("--seconds", type=int, help="for each target; 60 if nothing is said")
    parser.add_argument("--runs", type=int, default=0, help="the most executions of each target")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="targets at a time")
    parser.add_argument("--coverage", action="store_true", help="then print the coverage of each parser")
    parser.add_argument("--input", help="run one input of one target, and print its report")
    options = parser.parse_intermixed_args(argv)  # targets may follow an option
    unknown = [name for name in options.targets if name not in TARGETS]
    if unknown:
        parser.error(f"'{unknown[0]}' is not a target; known: {', '.join(TARGETS)}")
    if options.input and len(options.targets) != 1:
        parser.error("--input goes with one target")
    options.targets = options.targets or list(TARGETS)
    options.seconds = options.seconds or (10 if options.short else 3600 if options.campaign else 60)
    options.runs = options.runs or (10_000_000 if options.campaign else 0)
    return options


def built_targets(program):
    without = {key: value for key, value in os.environ.items() if key != "WEFT_FUZZ_TARGET"}
    return subprocess.run([program], env=without, stdout=subprocess.PIPE, text=True, check=True).stdout.split()


def main(argv):
    options = arguments_of(argv)
    memory = Path("/dev/shm")
    work = Path(tempfile.mkdtemp(prefix="weft-fuzz-", dir=memory if os.access(memory, os.W_OK) else None))
    try:
        if options.input:
            target = TARGETS[options.targets[0]]
            return subprocess.run([options.program, *limits(target), options.input],
                                  env=environment(options.targets[0], work, WEFT_FUZZ_SAY="1")).returncode
        if sorted(TARGETS) != built_targets(options.program):
            print("fuzz: tools/fuzz.py and tests/fuzz do not have the same targets")
            return 1
        subprocess.run([sys.executable, FUZZ / "make_seeds.py", "--large", work / "large"], check=True)
        fuzzer = Fuzzer(options, work)
        with concurrent.futures.ThreadPoolExecutor(max(1, options.jobs)) as pool:
            results = list(pool.map(fuzzer.fuzz, options.targets))
        print(f"{'target':14} {'executions':>10} {'edges':>6} {'slowest s':>9} {'peak MiB':>8} {'processor s':>11}")
        for name, (row, _) in zip(options.targets, results):
            print(f"{name:14} {row.executions:>10} {row.edges:>6} {row.slowest:>9.3f} {row.memory:>8} "
                  f"{row.processor:>11.0f}")
        if options.coverage:
            for name in options.targets:
                print(fuzzer.coverage(name))
        findings = [line for _, lines in results for line in lines]
        for line in findings:
            print(f"fuzz: {line}")
        print("fuzz: nothing was found" if not findings else
              f"fuzz: {len(findings)} findings; ./run fuzz TARGET --input FILE runs one again")
        return 1 if findings else 0
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
