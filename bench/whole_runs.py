#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares whole runs of configs/mnist_cnn.yaml and cifar_resnet.yaml with the same program in
PyTorch: reading, loader, augmentation, steps, metrics, validation, checkpoints and the last test.

    bench/whole_runs.py WEFT [--work mnist cifar] [--data data] [--epochs 2] [--samples N]
                        [--width N] [--threads N] [--rounds 5] [--starts 5]
                        [--output bench-run.json]

PyTorch's program (whole_runs_torch.py) runs at its best: first it is tried with both memory
formats, with the optimizer's own kernel, with one thread, and with 0, 2 and 4 workers of the
DataLoader; what is fastest stays for the next try. Then whole programs run in turns (A B, B A, …).
The table has medians, and the lowest and highest ratio of the rounds, PyTorch's time over weft's:

- epoch: from the end of an epoch's steps to that of the next, so it has a validation, a checkpoint
  and the steps of an epoch. The first epoch's is no part of it.
- program: from the start of the program to its end.
- start: from the start of the program to its first step: data is read and the model is built. weft
  has opened its log then (metrics.csv). Programs are started --starts times for this.
- first step: from the start of the program to the end of its first step, with the first batch and
  what each library does once.
- memory: the highest resident memory of the program, without the workers of a DataLoader.

--samples trains on so many samples, and holds out a ninth of them beside them. --width is that of
the first layer. The Python with PyTorch is $WEFT_PYTHON, or the one that runs this file. Nothing
else should run on the machine.
"""
import argparse
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from run import require_place, require_program, torch_python

ROOT = pathlib.Path(__file__).resolve().parents[1]
PEER = pathlib.Path(__file__).with_name("whole_runs_torch.py")
# config, folder of the data, goal of the epoch's ratio, samples of a try
WORKS = {"mnist": (ROOT / "configs/mnist_cnn.yaml", "mnist", 2.5, 6400),
         "cifar": (ROOT / "configs/cifar_resnet.yaml", "cifar-10-batches-bin", 1.6, 512)}
START_GOAL = 0.3


def training_samples(work, root):
    """Of all files, before some are held out."""
    if work == "mnist":
        return 60000
    return sum(path.stat().st_size for path in root.glob("data_batch_*.bin")) // 3073


def overrides(work, root, options):
    """What a run of weft changes in the config."""
    changed = [f"data.root={root}", f"train.epochs={options.epochs}"]
    if options.threads:
        changed.append(f"run.threads={options.threads}")
    if options.samples:
        all_samples = training_samples(work, root)
        held = max(1, round(options.samples / 9))
        if options.samples + held < all_samples:
            changed += [f"data.subset={options.samples}", f"data.validation_split={held / all_samples:.8f}"]
    if options.width and work == "mnist":
        changed += [f"model.channels=[{options.width}, {2 * options.width}]", f"model.hidden={4 * options.width}"]
    elif options.width:
        changed.append(f"model.width={options.width}")
    return changed


def epoch_seconds(events):
    """The time of an epoch with its validation and checkpoint: the mean of all but the first."""
    seconds = [event["seconds"] for event in events if event["event"] == "epoch"]
    return (seconds[-1] - seconds[0]) / (len(seconds) - 1)


def read_events(text):
    return [json.loads(line) for line in text.splitlines()]


def run_to_end(command):
    """(seconds, MB, what it printed)"""
    begin = time.perf_counter()
    with tempfile.TemporaryFile("w+") as errors:
        child = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=errors, text=True)
        output = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - begin
        child.returncode = os.waitstatus_to_exitcode(status)
        child.stdout.close()
        if child.returncode:
            errors.seek(0)
            raise RuntimeError(f"{command[0]} ended with code {child.returncode}: {errors.read().strip()[-500:]}")
    return seconds, usage.ru_maxrss / 1024, output


class Weft:
    name = "weft"

    def __init__(self, work, root, options, folder):
        self.folder, self.runs = folder, 0
        self.command = [options.weft, "train", WORKS[work][0], *overrides(work, root, options)]

    def new_run(self):
        self.runs += 1
        return self.folder / f"weft-{self.runs}"

    def run(self):
        run = self.new_run()
        seconds, mb, _ = run_to_end([*self.command, f"run.dir={run}"])
        events = read_events((run / "metrics.jsonl").read_text())
        shutil.rmtree(run)
        accuracy = [event["test/accuracy"] for event in events if event["event"] == "test"][-1]
        return {"epoch_s": epoch_seconds(events), "program_s": seconds, "mb": mb, "test_accuracy": accuracy}

    def start(self):
        """Logs each step, watches the run folder, and ends the run after the first step."""
        run = self.new_run()
        command = [*self.command, f"run.dir={run}", "run.log_every=1ba"]
        begin, opened, stepped = time.perf_counter(), None, None
        child = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while stepped is None:
                ended = child.poll() is not None
                if opened is None and (run / "metrics.csv").exists():
                    opened = time.perf_counter() - begin
                log = run / "metrics.jsonl"
                if log.exists() and '"event":"step"' in log.read_text():
                    stepped = time.perf_counter() - begin
                elif ended:
                    raise RuntimeError(f"weft ended with code {child.returncode} before its first step")
                time.sleep(0.001)
        finally:
            child.kill()
            child.wait()
        shutil.rmtree(run, ignore_errors=True)
        return {"start_s": opened, "first_step_s": stepped}


class Torch:
    name = "torch"

    def __init__(self, work, root, options, folder):
        self.options, self.folder = options, folder / "torch"
        self.folder.mkdir(exist_ok=True)
        self.python, self.peer = torch_python(), None
        self.program = [self.python, PEER, work, root, "--folder", self.folder, "--width", options.width]
        self.mode = {"layout": "channels_last", "fused": 0, "threads": options.threads or len(os.sched_getaffinity(0)), "workers": 0}
        self.tried = {}

    def command(self, mode, samples, epochs):
        return [*self.program, "--samples", samples, "--epochs", epochs,
                *(word for key, value in mode.items() for word in (f"--{key}", value))]

    def find_mode(self, samples):
        """One choice after the other, each by an epoch of few samples, the faster of two."""
        threads = self.mode["threads"]
        for choices in ([{"layout": layout, "fused": fused} for layout in ("channels_last", "contiguous") for fused in (0, 1)],
                        [{"threads": n} for n in sorted({1, threads})], [{"workers": n} for n in (0, 2, 4)]):
            times = {}
            for choice in choices:
                mode = self.mode | choice
                name = ", ".join(f"{key} {value}" for key, value in mode.items())
                try:
                    if name not in self.tried:
                        events = read_events(run_to_end(self.command(mode, samples, 3))[2])
                        at = [event["seconds"] for event in events if event["event"] == "epoch"]
                        self.tried[name] = min(b - a for a, b in zip(at, at[1:]))
                        print(f"  PyTorch, {name}: {self.tried[name]:.2f} s", file=sys.stderr)
                    times[name] = (self.tried[name], mode)
                except RuntimeError as error:
                    print(f"  PyTorch, {name} does not run ({str(error).splitlines()[-1]})", file=sys.stderr)
            if not times:
                sys.exit("bench: PyTorch runs in no mode (the reasons are above)")
            self.mode = min(times.values(), key=lambda found: found[0])[1]

    def run(self):
        seconds, mb, output = run_to_end(self.command(self.mode, self.options.samples, self.options.epochs))
        events = read_events(output)
        self.peer = events[-1]["peer"]
        return {"epoch_s": epoch_seconds(events), "program_s": seconds, "mb": mb, "test_accuracy": events[-1]["test"]["accuracy"]}

    def start(self):
        command = [*self.command(self.mode, self.options.samples, self.options.epochs), "--first-step"]
        begin, seen = time.perf_counter(), {}
        with subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as child:
            for line in child.stdout:
                seen[json.loads(line)["event"]] = time.perf_counter() - begin
        if "step" not in seen:
            raise RuntimeError(f"PyTorch's program ended with code {child.returncode} before its first step")
        return {"start_s": seen["start"], "first_step_s": seen["step"]}


def in_turns(sides, rounds, measure):
    """What measure(side) gives, of each round and side."""
    found = {side.name: [] for side in sides}
    for number in range(rounds):
        for side in sides if number % 2 == 0 else sides[::-1]:
            found[side.name].append(measure(side))
            time.sleep(0.3)  # what the other program wrote goes to the disk
    return found


def compared(work, mode, peer, runs, starts, options):
    """The row of a work."""
    row = {"work": work, "peer": f"{peer} ({', '.join(f'{key} {value}' for key, value in mode.items())})",
           "epochs": options.epochs, "samples": options.samples, "width": options.width, "rounds": options.rounds}
    for key in ("epoch_s", "program_s"):
        ratios = [torch[key] / weft[key] for weft, torch in zip(runs["weft"], runs["torch"])]
        row |= {f"{key[:-2]}_ratio": round(statistics.median(ratios), 4),
                f"{key[:-2]}_low": round(min(ratios), 4), f"{key[:-2]}_high": round(max(ratios), 4)}
    for side in runs:
        row |= {f"{side}_{key}": round(statistics.median(run[key] for run in runs[side]), 4) for key in runs[side][0]}
        for key in ("start_s", "first_step_s"):
            seconds = [start[key] for start in starts[side]]
            row |= {f"{side}_{key}": round(statistics.median(seconds), 4),
                    f"{side}_{key[:-2]}_range_s": [round(min(seconds), 4), round(max(seconds), 4)]}
    return row | {"ratio": row["epoch_ratio"], "goal": WORKS[work][2], "start_goal_s": START_GOAL}


def print_row(row):
    def met(good):
        return "met" if good else "missed"
    print(f"\n{row['work']}, beside {row['peer']}\n\n| what | weft | PyTorch | ratio | range | goal |\n|---|---:|---:|---:|---|---|")
    for what, goal in (("epoch", f"{row['goal']}: {met(row['ratio'] >= row['goal'])}"), ("program", "")):
        print(f"| {what}, s | {row[f'weft_{what}_s']:.2f} | {row[f'torch_{what}_s']:.2f} | {row[f'{what}_ratio']:.2f} "
              f"| {row[f'{what}_low']:.2f} to {row[f'{what}_high']:.2f} | {goal} |")
    for key, what, goal in (("start", "start", f"at most {START_GOAL}: {met(row['weft_start_s'] <= START_GOAL)}"),
                            ("first_step", "first step", "")):
        weft, torch = row[f"weft_{key}_s"], row[f"torch_{key}_s"]
        low, high = row[f"weft_{key}_range_s"]
        print(f"| {what}, s | {weft:.3f} | {torch:.3f} | {torch / weft:.1f} | weft {low:.3f} to {high:.3f} | {goal} |")
    print(f"| memory, MB | {row['weft_mb']:.0f} | {row['torch_mb']:.0f} | {row['torch_mb'] / row['weft_mb']:.1f} | | |\n"
          f"| test accuracy | {row['weft_test_accuracy']:.3f} | {row['torch_test_accuracy']:.3f} | | | |", flush=True)


def compare(work, options):
    root = options.data / WORKS[work][1]
    with tempfile.TemporaryDirectory(prefix="weft-bench-") as folder:
        weft, torch = (side(work, root, options, pathlib.Path(folder)) for side in (Weft, Torch))
        most = WORKS[work][3]
        torch.find_mode(min(most, options.samples or most))
        sides = [weft, torch]
        starts = in_turns(sides, options.starts, lambda side: side.start())
        runs = in_turns(sides, options.rounds, lambda side: side.run())
        row = compared(work, torch.mode, torch.peer, runs, starts, options)
        return row | {"runs": runs, "starts": starts, "peer_modes_s": torch.tried}


def options_of(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weft", type=pathlib.Path, help="the program")
    parser.add_argument("--work", nargs="+", choices=WORKS, default=list(WORKS))
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path(os.environ.get("WEFT_DATA_DIR", "data")))
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--samples", type=int, default=0, help="to train on; all but a tenth if not given")
    parser.add_argument("--width", type=int, default=0, help="channels of the first layer, instead of the config's")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("bench-run.json"))
    options = parser.parse_args(arguments)
    least = {"epochs": 2, "samples": 0, "width": 0, "threads": 0, "rounds": 1, "starts": 1}
    for name, bound in least.items():
        if getattr(options, name) < bound:
            parser.error(f"--{name}: {getattr(options, name)} given; at least {bound} is required")
    for work in options.work:
        if not (options.data / WORKS[work][1]).is_dir():
            parser.error(f"--data: {options.data / WORKS[work][1]} is no folder; the data of {work} is required "
                         f"there (tools/get_data, or WEFT_DATA_DIR)")
    require_program(parser, options.weft, "weft")
    require_place(parser, options.output)
    options.weft = options.weft.resolve()
    return options


def main():
    options = options_of()
    rows = []
    for work in options.work:
        rows.append(compare(work, options))
        print_row(rows[-1])
        options.output.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
