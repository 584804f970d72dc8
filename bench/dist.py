#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares data-parallel training of weft and of PyTorch's DistributedDataParallel, both on Gloo,
in several processes of this machine.

    bench/dist.py WEFT [--work mlp cnn] [--ranks 1 2 4] [--rounds 5] [--steps N] [--output FILE]

Both train the same model with the same optimizer, batch and dtype, and one thread in each process.
The batch is that of all ranks, so each rank's part is smaller with more ranks. In each round the
two sides train in turns. A training has some epochs; the first one warms up, and the median of the
others counts. The table has medians and ranges of the rounds:

- samples/s of all ranks together;
- efficiency: samples/s over those of one rank, by the number of ranks, or of cores if those are
  fewer (oversubscribed);
- MB/step: what went through the loopback interface in the training, over its steps. Other traffic
  of the machine counts too;
- hidden: the share of the communication that costs no time. The step is compared with that of as
  many processes which train beside each other on the same parts and exchange nothing. What it takes
  longer is set against the time of all-reduces of the same bytes alone, which PyTorch makes on the
  same Gloo; it stands for both sides. It may be negative where processes wait for each other.

The Python with PyTorch is $WEFT_PYTHON, or the one that runs this file. A PyTorch that computes
slowly hides its communication well: Debian's needs OpenBLAS beside it (libopenblas0). Nothing else
should run on the machine.
"""
import argparse
import json
import os
import pathlib
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from run import torch_python

PEER = pathlib.Path(__file__).with_name("dist_torch.py")
CORES = len(os.sched_getaffinity(0))
EPOCHS = 4
# Model in weft's words, batch of all ranks, steps of an epoch. PyTorch's are in dist_torch.py.
WORKS = {"mlp": ("{type: mlp, hidden: [512, 512]}", 256, 60),
         "cnn": ("{type: cnn, channels: [32, 64], hidden: 128, dropout: 0.25, batch_norm: false}", 64, 30)}
CONFIG = """\
run: {{seed: 1, device: cpu, threads: 1}}
data: {{type: digits, train_size: {samples}, test_size: 10, validation_split: 0, workers: 0, drop_last: true}}
model: {model}
optimizer: {{type: adamw, lr: 1e-3, weight_decay: 0.01}}
train: {{epochs: {epochs}, batch_size: {batch}}}
checkpoint: {{every: 1000ep, monitor: train/loss}}
"""
VARIABLES = {name: value for name, value in os.environ.items()
             if not re.match("RANK$|WORLD_SIZE$|LOCAL_|MASTER_|OMPI_|PMI|SLURM_|TORCHELASTIC_", name)}


def loopback_bytes():
    for line in pathlib.Path("/proc/net/dev").read_text().splitlines():
        if line.strip().startswith("lo:"):
            return int(line.split(":")[1].split()[0])
    return 0


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def environment(rank, size):
    """Of a rank; of a process of its own where size is 1."""
    one = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    if size == 1:
        return VARIABLES | one
    return VARIABLES | one | {"RANK": str(rank), "WORLD_SIZE": str(size), "LOCAL_RANK": str(rank),
                              "LOCAL_WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1"}


def run_together(commands, ranks):
    """Runs the commands at the same time, as ranks of a job or each alone; returns their output."""
    port, started = str(free_port()), []
    for rank, command in enumerate(commands):
        variables = environment(rank, len(commands)) | {"MASTER_PORT": port} if ranks else environment(0, 1)
        started.append(subprocess.Popen([str(part) for part in command], env=variables, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE))
    failed = None
    while failed is None and any(process.poll() is None for process in started):
        failed = next((process for process in started if process.poll()), None)
        time.sleep(0.05)
    failed = failed or next((process for process in started if process.returncode), None)
    for process in started:  # the ranks of one that has failed would wait for it
        process.kill()
    answers = [process.communicate() for process in started]
    if failed:
        sys.exit(f"bench: {' '.join(failed.args)} ended with code {failed.returncode}\n"
                 + answers[started.index(failed)][1])
    return [output for output, _ in answers]


class Weft:
    def __init__(self, options, folder):
        self.program, self.folder, self.runs = options.weft, folder, 0

    def train(self, work, processes, ranks, steps):
        model, batch, _ = WORKS[work]
        if not ranks:
            batch //= processes
        commands, folders = [], []
        for index in range(processes):
            self.runs += index == 0 or not ranks
            folders.append(self.folder / f"run-{self.runs}")
            config = self.folder / f"{work}-{batch}-{steps}.yaml"
            config.write_text(CONFIG.format(model=model, batch=batch, samples=batch * steps, epochs=EPOCHS))
            commands.append([self.program, "train", config, f"run.dir={folders[-1]}"])
        run_together(commands, ranks)
        events = [json.loads(line) for line in (folders[0] / "metrics.jsonl").read_text().splitlines()]
        return [event["samples_per_second"] / batch for event in events if event["event"] == "epoch"]


class Torch:
    def __init__(self):
        self.python, self.peer, self.parameters = torch_python(), None, {}

    def train(self, work, processes, ranks, steps, what="train"):
        batch = WORKS[work][1] // (1 if ranks else processes)
        command = [self.python, PEER, what, work, batch, steps, EPOCHS]
        answer = json.loads(run_together([command] * processes, ranks)[0])
        self.peer, self.parameters[work] = answer["peer"], answer["parameters"]
        return answer["steps_per_second"]


def measure(side, *arguments, **named):
    """(steps/s, MB/step through the loopback interface)"""
    before = loopback_bytes()
    rates = side.train(*arguments, **named)
    return statistics.median(rates[1:]), (loopback_bytes() - before) / 1e6 / (EPOCHS * arguments[3])


def spread(values, form="{:.2f}"):
    middle, low, high = (form.format(f(values)) for f in (statistics.median, min, max))
    return f"{middle} ({low} to {high})"


def compare(work, sides, options):
    """{(side, ranks): lists of the rounds}"""
    steps = options.steps or WORKS[work][2]
    found = {(name, n): {"rate": [], "mb": [], "efficiency": [], "hidden": []} for name in sides for n in options.ranks}
    for number in range(options.rounds):
        for n in options.ranks:
            if n > 1:
                exchange = 1 / measure(sides["torch"], work, n, True, steps, what="exchange")[0]
            for name in list(sides) if number % 2 == 0 else list(sides)[::-1]:
                rate, mb = measure(sides[name], work, n, n > 1, steps)
                lists = found[name, n]
                lists["rate"].append(rate)
                lists["mb"].append(mb)
                lists["efficiency"].append(rate / (found[name, 1]["rate"][number] * min(n, CORES)))
                if n > 1:
                    apart, _ = measure(sides[name], work, n, False, steps)
                    lists["hidden"].append(1 - (1 / rate - 1 / apart) / exchange)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weft", help="the program")
    parser.add_argument("--work", nargs="+", choices=WORKS, default=list(WORKS))
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, help="steps of an epoch, instead of those of the work")
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("bench-dist.json"))
    options = parser.parse_args()
    if options.ranks[0] != 1:
        parser.error(f"--ranks: {options.ranks[0]} is the first; 1 is required there, which the others are compared with")
    results = []
    with tempfile.TemporaryDirectory(prefix="weft-bench-") as folder:
        sides = {"weft": Weft(options, pathlib.Path(folder)), "torch": Torch()}
        print("| work | ranks | side | samples/s | efficiency | MB/step | hidden |\n|---|---:|---|---:|---:|---:|---:|")
        for work in options.work:
            for (name, n), lists in compare(work, sides, options).items():
                rates = [rate * WORKS[work][1] for rate in lists["rate"]]
                print(f"| {work} | {n} | {name} | {spread(rates, '{:,.0f}')} | {spread(lists['efficiency'])} "
                      f"| {statistics.median(lists['mb']):.2f} | {spread(lists['hidden']) if n > 1 else ''} |", flush=True)
                results.append({"work": work, "ranks": n, "side": name, "batch": WORKS[work][1],
                                "parameters": sides["torch"].parameters[work], **lists})
                options.output.write_text(json.dumps({"peer": sides["torch"].peer, "cores": CORES, "results": results}, indent=1) + "\n")
    print(f"\n{sides['torch'].peer}, {CORES} cores, {options.rounds} rounds")


if __name__ == "__main__":
    main()
