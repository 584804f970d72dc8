#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares the accuracy of configs/cifar_resnet.yaml with augmentation, without it, and in PyTorch.

    bench/accuracy.py WEFT [--root CIFAR] [--seeds 1 2 3] [--epochs 30] [--width 16]
                      [--output FILE.json] [--plot FILE.svg]

For each seed, weft trains with crop and flip, weft without them, and PyTorch with them: the same
model, initialization, optimizer, schedule, batch size and number of steps, each with random numbers
of its own. The held-out tenth of the training data is another one on each side. The table has the
accuracy on the held-out samples and on the test samples after the last epoch. The Python with
PyTorch is $WEFT_PYTHON, or the one that runs this file; --plot takes matplotlib there.
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

PEER = """
import json, math, pathlib, sys, numpy, torch
sys.path.insert(0, sys.argv[1])
from torch_models import ResNet18
root, seed, epochs, width = pathlib.Path(sys.argv[2]), *map(int, sys.argv[3:6])
torch.manual_seed(seed)

def read(pattern):
    records = numpy.concatenate([numpy.fromfile(path, numpy.uint8).reshape(-1, 3073) for path in sorted(root.glob(pattern))])
    return torch.from_numpy(records[:, 1:].reshape(-1, 3, 32, 32).copy()), torch.from_numpy(records[:, 0].astype(numpy.int64))

def augmented(x):  # crop with padding 4, then flip, as torchvision's transforms
    padded = torch.nn.functional.pad(x, (4, 4, 4, 4))
    rows = torch.randint(0, 9, (len(x), 1, 1, 1)) + torch.arange(32).view(1, 1, 32, 1)
    columns = torch.randint(0, 9, (len(x), 1, 1, 1)) + torch.arange(32).view(1, 1, 1, 32)
    at = torch.arange(len(x)).view(-1, 1, 1, 1), torch.arange(3).view(1, 3, 1, 1)
    y = padded[at[0], at[1], rows, columns]
    return torch.where(torch.rand(len(x), 1, 1, 1) < 0.5, y.flip(3), y)

pictures, labels = read("data_batch_*.bin")
test = read("test_batch.bin")
order = torch.randperm(len(pictures))
held = len(pictures) // 10
validation = pictures[order[:held]], labels[order[:held]]
pictures, labels = pictures[order[held:]], labels[order[held:]]
statistics_of = pictures.double().div(255)
mean = statistics_of.mean((0, 2, 3)).float().view(1, 3, 1, 1)
std = statistics_of.std((0, 2, 3), unbiased=False).float().view(1, 3, 1, 1)
normalized = lambda x: (x.float().div(255) - mean) / std

model = ResNet18(width=width)
for module in model.modules():
    if isinstance(module, torch.nn.Conv2d):
        torch.nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
model = model.to(memory_format=torch.channels_last)
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, weight_decay=5e-4)
batch = 128
steps_per_epoch = -(-len(pictures) // batch)
total, step = epochs * steps_per_epoch, 0

def accuracy(x, y):
    model.eval()
    with torch.no_grad():
        right = sum((model(normalized(x[i:i + 250])).argmax(1) == y[i:i + 250]).sum().item() for i in range(0, len(x), 250))
    return right / len(x)

curve = []
for epoch in range(epochs):
    model.train()
    for at in torch.randperm(len(pictures)).split(batch):
            warm = 0.01 + 0.99 * step / steps_per_epoch if step < steps_per_epoch else 1
        done = max(step - steps_per_epoch, 0) / max(total - steps_per_epoch, 1)
        for group in optimizer.param_groups:
            group["lr"] = 0.02 * warm * (1 + math.cos(math.pi * done)) / 2
        loss = torch.nn.functional.cross_entropy(model(normalized(augmented(pictures[at])).contiguous(memory_format=torch.channels_last)), labels[at])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        step += 1
    curve.append(accuracy(*validation))
print(json.dumps({"curve": curve, "test": accuracy(*test), "peer": f"PyTorch {torch.__version__}"}))
"""

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
    done = subprocess.run([torch_python(), "-c", PEER, ROOT / "bench", options.root, str(seed), str(options.epochs),
                           str(options.width)], check=True, text=True, stdout=subprocess.PIPE)
    return json.loads(done.stdout)


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
    sides = {name: [] for name in SIDES}
    with tempfile.TemporaryDirectory() as folder:
        for seed in options.seeds:
            for name, runs in sides.items():
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
