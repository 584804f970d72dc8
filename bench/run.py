#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares speed and memory of weft and PyTorch, on the CPU unless --device cuda is given.

    bench/run.py WEFT_BENCH [--device cpu] [--precision fp32] [--steps trainer] [--work NAME …]
                 [--rounds 7] [--seconds 1.5] [--output bench-results.json]

For each work, every mode of PyTorch runs in its own process, and the fastest becomes the peer. Then
both processes train alternately (A B, B A, …), so that a change in the machine's speed affects
both. The ratio of a round is the peer's time over weft's; above 1, weft is faster. The table and
the file have the median, the lowest and the highest ratio of the rounds. Inputs are random, never
zeros.

Memory is the highest resident memory of a process that ran only this work. PyTorch's is that of the
mode with the least memory. The Python with PyTorch is $WEFT_PYTHON, or the one that runs this file.
Nothing else should run on the machine.
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import time

PEER = pathlib.Path(__file__).with_name("peer_torch.py")
WORKS = ["mlp_b32", "mlp_b64", "mlp_b128", "mlp_b1024", "cnn_b64", "resnet18_b32"]
LARGE_WORKS = ["resnet18_b512"]  # for a GPU, and only if named


class Process:
    """A program that answers each input line with a line of JSON."""

    def __init__(self, command):
        self.child = subprocess.Popen([str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.DEVNULL, text=True)
        self.about = self.answer()

    def answer(self):
        line = self.child.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.child.args} ended with code {self.child.wait()}")
        return json.loads(line)

    def ask(self, line):
        self.child.stdin.write(line + "\n")
        self.child.stdin.flush()
        return self.answer()

    def calibrate(self, seconds):
        """Warms up, and returns the number of steps that take this long."""
        steps = 1
        while True:
            begin = time.perf_counter()
            ms = self.ask(f"run {steps}")["ms"]
            if steps * ms > 250 * seconds or time.perf_counter() - begin > seconds:
                break
            steps *= 2
        self.steps = max(1, round(1e3 * seconds / ms))
        return ms

    def measure(self):
        return self.ask(f"run {self.steps}")["ms"]

    def peak_mb(self):
        return self.ask("memory")["peak_mb"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.stdin.close()
        try:
            self.child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()


def torch_process(python, work, mode, threads, options):
    return Process([python, PEER, work, "--mode", mode, "--threads", threads, "--device", options.device,
                    "--precision", options.precision])


def best_mode(python, work, options):
    """Returns (mode, threads) of the fastest mode, the least memory, and the figures of each."""
    modes = options.modes or json.loads(subprocess.run([python, PEER, work, "--list", "--device", options.device], check=True, text=True,
                                                       capture_output=True).stdout)
    tried, memory = {}, []
    for mode in modes:
        for threads in sorted({1, options.threads}, reverse=True):
            if threads != options.threads and (options.device != "cpu" or not mode.startswith("eager")):
                continue  # compiling is slow, so eager modes choose the number of threads
            try:
                with torch_process(python, work, mode, threads, options) as peer:
                    peer.calibrate(options.seconds / 2)
                    tried[mode, threads] = min(peer.measure() for _ in range(2))
                    memory.append(peer.peak_mb())
                print(f"  {work}: {mode} on {threads} threads {tried[mode, threads]:.2f} ms", file=sys.stderr)
            except RuntimeError as error:
                print(f"  {work}: {mode} does not run ({error})", file=sys.stderr)
    return min(tried, key=tried.get), min(memory), {f"{m}, {t} threads": round(ms, 3) for (m, t), ms in tried.items()}


def compare(python, work, options):
    (mode, threads), peer_mb, tried = best_mode(python, work, options)
    with Process([options.weft_bench.resolve(), work, "--threads", options.threads, "--device", options.device,
                  "--precision", options.precision, "--steps", options.steps]) as weft, \
         torch_process(python, work, mode, threads, options) as peer:
        sides = [weft, peer]
        for side in sides:
            side.calibrate(options.seconds)
        rounds = []
        for number in range(options.rounds):
            ms = {}
            for side in sides if number % 2 == 0 else sides[::-1]:
                ms[side] = side.measure()
                time.sleep(0.3)  # the threads of the other program spin before they sleep
            rounds.append((ms[weft], ms[peer]))
        ratios = [peer_ms / weft_ms for weft_ms, peer_ms in rounds]
        return {
            "work": work,
            "device": options.device,
            "precision": options.precision,
            "weft_steps": options.steps,
            "weft_ms": round(statistics.median(weft_ms for weft_ms, _ in rounds), 4),
            "peer_ms": round(statistics.median(peer_ms for _, peer_ms in rounds), 4),
            "peer": f"{peer.about['peer']} ({mode}, {threads} threads)",
            "ratio": round(statistics.median(ratios), 4),
            "low": round(min(ratios), 4),
            "high": round(max(ratios), 4),
            "weft_peak_mb": round(weft.peak_mb(), 1),
            "peer_peak_mb": round(peer_mb, 1),
            "rounds": options.rounds,
            "peer_modes_ms": tried,
        }


def torch_python():
    for python in [os.environ.get("WEFT_PYTHON"), sys.executable, "python3", "/usr/bin/python3"]:
        if python and shutil.which(python) and \
           subprocess.run([python, "-c", "import torch"], capture_output=True).returncode == 0:
            return python
    print("bench: no Python with PyTorch found; apt-get install python3-torch, or set WEFT_PYTHON", file=sys.stderr)
    sys.exit(2)


def require_program(parser, program, name):
    if not os.access(program, os.X_OK) or not program.is_file():
        parser.error(f"{program} is not a program; a build of {name} is required")


def require_place(parser, file):
    if not file.absolute().parent.is_dir():
        parser.error(f"--output: {file} given; a file in a folder that exists is required")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weft_bench", type=pathlib.Path, help="the program built from bench/weft_bench.cpp")
    parser.add_argument("--work", nargs="+", choices=WORKS + LARGE_WORKS, default=WORKS)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=1.5, help="seconds of each measurement")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32", help="compute dtype on both sides")
    parser.add_argument("--steps", choices=["trainer", "captured"], default="trainer",
                        help="of weft's Trainer: op by op, or as CUDA graphs")
    parser.add_argument("--modes", nargs="+", help="modes of PyTorch to try, instead of all")
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("bench-results.json"))
    options = parser.parse_args()
    if options.rounds < 5:
        parser.error(f"--rounds: {options.rounds} given; at least 5 are required")
    require_program(parser, options.weft_bench, "weft_bench")
    require_place(parser, options.output)
    python = torch_python()
    results = []
    print(f"{'work':<14}{'weft ms':>10}{'peer ms':>10}{'ratio':>8}  {'range':<15}{'MB':>7}{'peer MB':>9}  peer")
    for work in options.work:
        r = compare(python, work, options)
        results.append(r)
        spread = f"{r['low']:.2f} to {r['high']:.2f}"
        print(f"{work:<14}{r['weft_ms']:>10.3f}{r['peer_ms']:>10.3f}{r['ratio']:>8.2f}  {spread:<15}"
              f"{r['weft_peak_mb']:>7.0f}{r['peer_peak_mb']:>9.0f}  {r['peer']}", flush=True)
        options.output.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
