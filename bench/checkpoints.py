#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares saving and loading of a state with torch.save and torch.load, and measures the cost of a
batch and of a run besides the kernels.

    bench/checkpoints.py CHECKPOINT_BENCH [--megabytes 600] [--rounds 7] [--folder DIR]
                         [--output FILE]

Both programs hold the same random values (weights and two slots of an optimizer) and run
alternately. The table has the medians, the lowest and the highest values. Saving ends when the
bytes are on the disk. weft also hashes, reads back and verifies them, and PyTorch's file is
fsynced. Loading reads every element in both programs, and weft verifies the file. `stall` is the
time that training waits for one copy of the state; another thread writes it. The files are in the
page cache when they are read. The Python with PyTorch is $WEFT_PYTHON, or the one that runs this
file. Nothing else should run on the machine.
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import sys
import tempfile

from run import Process, torch_python

PEER = """
import json, os, sys, time, torch
megabytes, path, threads = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
torch.set_num_threads(threads)
torch.manual_seed(1)
state = {}
for i in range(-(-megabytes * 1000000 // 3 // 4000000)):
    for slot in ("weight", "mean", "mean_square"):
        state[f"layer{i}.{slot}"] = torch.randn(1000000)
gb = sum(t.numel() * 4 for t in state.values()) / 1e9
print(json.dumps({"ready": True, "peer": f"PyTorch {torch.__version__}"}), flush=True)
for line in sys.stdin:
    begin = time.perf_counter()
    if line.strip() == "save":
        with open(path, "wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
    else:
        total = sum(t.sum().item() for t in torch.load(path).values())
    print(json.dumps({"gb": gb, "all_s": time.perf_counter() - begin}), flush=True)
"""


CONFIG = pathlib.Path(__file__).resolve().parent.parent / "configs" / "digits_mlp.yaml"


def median_and_range(values):
    return {"median": round(statistics.median(values), 4), "low": round(min(values), 4), "high": round(max(values), 4)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint_bench", help="the program built from bench/checkpoint_bench.cpp")
    parser.add_argument("--megabytes", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--folder", type=pathlib.Path, help="where to write; a temporary folder if not given")
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("bench-checkpoints.json"))
    options = parser.parse_args()
    python = torch_python()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="weft-bench-", dir=options.folder))
    try:
        with Process([options.checkpoint_bench, options.megabytes, folder / "step-1", "--threads",
                      options.threads]) as weft, \
             Process([python, "-c", PEER, options.megabytes, folder / "state.pt", options.threads]) as peer:
            sides, times, stall = [("weft", weft), ("torch", peer)], {}, []
            for number in range(options.rounds + 1):  # the first round warms up
                for name, side in sides if number % 2 == 0 else sides[::-1]:
                    for what in ("save", "load"):
                        answer = side.ask(what)
                        if number > 0:
                            times.setdefault((what, name), []).append(answer["gb"] / answer["all_s"])
                            if "stall_s" in answer:
                                stall.append(answer["gb"] / answer["stall_s"])
            hooks = [weft.ask("hooks") | weft.ask(f"run {CONFIG}") for _ in range(options.rounds)]
            setup = [answer.pop("setup_s") for answer in hooks]
            results = {"peer": peer.about["peer"], "megabytes": options.megabytes, "rounds": options.rounds,
                       "gb_per_s": {f"{what} {name}": median_and_range(values)
                                    for (what, name), values in times.items()} | {"stall weft": median_and_range(stall)},
                       "setup_s": median_and_range(setup),
                       "us_per_batch": {key: median_and_range([h[key] for h in hooks]) for key in hooks[0]}}
    finally:
        shutil.rmtree(folder)
    options.output.write_text(json.dumps(results, indent=1) + "\n")
    print(f"| what | median | range |\n|---|---:|---|\n"
          + "".join(f"| {key}, GB/s | {v['median']:.2f} | {v['low']:.2f} to {v['high']:.2f} |\n"
                    for key, v in results["gb_per_s"].items())
          + "".join(f"| a batch: {key.removesuffix('_us').replace('_', ' ')}, µs | {v['median']:.1f} | "
                    f"{v['low']:.1f} to {v['high']:.1f} |\n" for key, v in results["us_per_batch"].items())
          + "| from the config to the first step, s | {median:.2f} | {low:.2f} to {high:.2f} |".format(**results["setup_s"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
