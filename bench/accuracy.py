#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares the accuracy of configs/cifar_resnet.yaml with augmentation, without it, and in PyTorch.

    bench/accuracy.py WEFT [--root CIFAR] [--seeds 1 2 3] [--epochs 30] [--width 16]
                      [--output FILE.json] [--plot FILE.svg]

For each seed, weft trains with crop and flip, weft without them, and PyTorch with them: the same
model, initialization, optimizer, schedule, batch size and number of steps, each with random numbers
of its own. The held-out tenth of the training data is another one on each side. The table has the
accuracy on the held-out samples and on the test samples after the last epoch. Runs that are in
--output already, of as many epochs and the same width, are not made again. The Python with PyTorch
is $WEFT_PYTHON, or the one that runs this file; --plot takes matplotlib there.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile

from run import torch_python

ROOT = pathlib.Path(__file__).resolve().parents[1]
CONFIG = ROOT / "configs/cifar_resnet.yaml"
SIDES = ["weft, crop and flip", "PyTorch, crop and flip", "weft, no augmentation"]

PEER = pathlib.Path(__file__).with_name("accuracy_torch.py")

PLOT = """
import json, sys
import matplotlib
matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "weft"
import matplotlib.pyplot as plt
figure, axes = plt.subplots(figsize=(7, 4))
for (name, runs), color in zip(json.load(open(sys.argv[1]))["sides"].items(), ["tab:blue", "tab:orange", "tab:gray"]):
    curves = [run["curve"] for run in runs]
    epochs = range(1, len(curves[0]) + 1)
    axes.plot(epochs, [sum(at) / len(at) for at in zip(*curves)], label=name, color=color)
    axes.fill_between(epochs, [min(at) for at in zip(*curves)], [max(at) for at in zip(*curves)], color=color, alpha=0.2, linewidth=0)
axes.set_xlabel("epoch"); axes.set_ylabel("validation accuracy"); axes.grid(alpha=0.3); axes.legend()
figure.savefig(sys.argv[2], bbox_inches="tight", metadata={"Date": None})
"""


def train_weft(options, seed, augment, folder):
    """Runs weft once; returns its curve of validation accuracy and its test accuracy."""
    run = folder / f"weft-{seed}-{augment}"
    command = [options.weft, "train", CONFIG, f"run.dir={run}", f"run.seed={seed}", f"data.root={options.root}",
               f"model.width={options.width}", f"train.epochs={options.epochs}",
               *([] if augment else ["data.augment=[]"])]
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)
    events = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return {"curve": [event["validation/accuracy"] for event in events if event["event"] == "epoch"],
            "test": [event["test/accuracy"] for event in events if event["event"] == "test"][-1]}


def train_torch(options, seed):
    done = subprocess.run([torch_python(), PEER, options.root, str(seed), str(options.epochs), str(options.width)], check=True, text=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


def earlier_runs(options):
    """The runs of each side in --output, those of the first seeds first."""
    if not options.output.exists():
        return {}
    earlier = json.loads(options.output.read_text())
    if (earlier["epochs"], earlier["width"]) != (options.epochs, options.width):
        sys.exit(f"{options.output}: has runs of {earlier['epochs']} epochs and width {earlier['width']}; "
                 f"{options.epochs} and {options.width}, or another --output, are required")
    return earlier["sides"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("weft", help="the program")
    parser.add_argument("--root", default=os.path.join(os.environ.get("WEFT_DATA_DIR", "data"), "cifar-10-batches-bin"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("accuracy-results.json"))
    parser.add_argument("--plot", type=pathlib.Path)
    options = parser.parse_args()
    sides = {name: [] for name in SIDES} | earlier_runs(options)
    with tempfile.TemporaryDirectory() as folder:
        for made, seed in enumerate(options.seeds):
            for name, runs in sides.items():
                if made < len(runs):
                    continue
                runs.append(train_torch(options, seed) if name.startswith("PyTorch") else
                            train_weft(options, seed, name.endswith("flip"), pathlib.Path(folder)))
                print(f"seed {seed}, {name}: held-out {runs[-1]['curve'][-1]:.3f}, test {runs[-1]['test']:.3f}", flush=True)
                options.output.write_text(json.dumps({"epochs": options.epochs, "width": options.width, "sides": sides}, indent=1))
    print(f"\n{'':24} {'held-out':>24} {'test':>24}")
    for name, runs in sides.items():
        cells = []
        for values in ([run["curve"][-1] for run in runs], [run["test"] for run in runs]):
            cells.append(f"{statistics.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})")
        print(f"{name:24} {cells[0]:>24} {cells[1]:>24}")
    if options.plot:
        subprocess.run([torch_python(), "-c", PLOT, options.output, options.plot], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
