#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares weft's loader with PyTorch's DataLoader and torchvision's transforms.

    bench/loaders.py LOADER_BENCH [--rounds 7] [--workers 0 2 4] [--cifar ROOT] [--output FILE]

Both read the same samples in turns: CIFAR-10 with crop and flip, and a folder of JPEG pictures of
64 × 64 with a flip, which is written first. PyTorch's DataLoader with 0, 2 and 4 workers is
measured in each round, with workers that stay from epoch to epoch; the best of them counts, and so
does the best of weft's. A sample ends as uint8, which weft normalizes later on the device, and as a
normalized float in PyTorch, where the transforms do it. The Python with PyTorch and torchvision is
$WEFT_PYTHON, or the one that runs this file. Nothing else should run on the machine.
"""
import argparse
import json
import pathlib
import shutil
import statistics
import subprocess
import tempfile

from run import Process, torch_python

PEER = """
import json, sys, time, torch, torchvision
from torchvision import transforms as T
kind, root, raw = sys.argv[1], sys.argv[2], sys.argv[3:] == ["uint8"]
torch.manual_seed(1)
after = [T.PILToTensor()] if raw else [T.ToTensor(), T.Normalize((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))]
if kind == "cifar":
    import numpy, pathlib
    from PIL import Image
    parts = [numpy.fromfile(path, numpy.uint8).reshape(-1, 3073) for path in sorted(pathlib.Path(root).glob("data_batch_*.bin"))]
    records = numpy.concatenate(parts)
    pictures = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1).copy()
    class Cifar(torch.utils.data.Dataset):  # as torchvision's CIFAR10, from the binary files
        transform = T.Compose([T.RandomCrop(32, padding=4), T.RandomHorizontalFlip(), *after])
        def __len__(self): return len(pictures)
        def __getitem__(self, i): return self.transform(Image.fromarray(pictures[i])), int(records[i, 0])
    data = Cifar()
else:
    data = torchvision.datasets.ImageFolder(root, T.Compose([T.RandomHorizontalFlip(), *after]))
loaders = {}
print(json.dumps({"ready": True, "peer": f"PyTorch {torch.__version__}, torchvision {torchvision.__version__}"}), flush=True)
for line in sys.stdin:
    workers = int(line.split()[1])
    if workers not in loaders:
        loaders[workers] = torch.utils.data.DataLoader(data, 128, shuffle=True, num_workers=workers, persistent_workers=workers > 0)
        if workers:
            for _ in loaders[workers]: pass  # starts the workers
    samples, begin = 0, time.perf_counter()
    for x, y in loaders[workers]:
        samples += len(x)
    print(json.dumps({"samples": samples, "seconds": time.perf_counter() - begin}), flush=True)
"""

WRITER = """
import pathlib, random, sys
from PIL import Image
random.seed(1)
for label in range(10):
    folder = pathlib.Path(sys.argv[1]) / f"class{label}"
    folder.mkdir(parents=True)
    for i in range(300):
        small = Image.frombytes("RGB", (8, 8), random.randbytes(192))
        small.resize((64, 64), Image.Resampling.BICUBIC).save(folder / f"{i}.jpg", quality=90)
"""


def compare(name, weft, peer, options):
    """The samples per second of each round, the best number of workers of each side."""
    rates = {"weft": [], "torch": []}
    sides = [("weft", weft), ("torch", peer)]
    for number in range(options.rounds + 1):  # the first round warms up
        for side, process in sides if number % 2 == 0 else sides[::-1]:
            best = max((answer["samples"] / answer["seconds"] for answer in
                        (process.ask(f"epoch {workers}") for workers in options.workers)))
            if number > 0:
                rates[side].append(best)
    ratios = sorted(a / b for a, b in zip(rates["weft"], rates["torch"]))
    row = {"name": name, "weft": statistics.median(rates["weft"]), "torch": statistics.median(rates["torch"]),
           "ratio": statistics.median(ratios), "low": ratios[0], "high": ratios[-1]}
    print(f"{name:24} weft {row['weft']:>9.0f}  PyTorch {row['torch']:>9.0f} samples/s  "
          f"ratio {row['ratio']:.1f} ({row['low']:.1f} to {row['high']:.1f})", flush=True)
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("loader_bench", help="the program built from bench/loader_bench.cpp")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 2, 4])
    parser.add_argument("--cifar", type=pathlib.Path, help="folder of data_batch_1.bin …; without it, no CIFAR row")
    parser.add_argument("--uint8", action="store_true", help="PyTorch's samples end as uint8 too")
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path("bench-loaders.json"))
    options = parser.parse_args()
    python = torch_python()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="weft-bench-"))
    raw = ["uint8"] if options.uint8 else []
    rows = []
    try:
        subprocess.run([python, "-c", WRITER, folder / "jpeg"], check=True)
        sets = [("image_folder 64 x 64", f"{{type: image_folder, root: {folder / 'jpeg'}, test_split: 0, augment: flip}}",
                 ["folder", folder / "jpeg"])]
        if options.cifar:
            sets.insert(0, ("cifar crop + flip", f"{{type: cifar10, root: {options.cifar}, "
                            "augment: [{type: crop, padding: 4}, flip]}", ["cifar", options.cifar]))
        for name, data, arguments in sets:
            with Process([options.loader_bench, data]) as weft, \
                 Process([python, "-c", PEER, *arguments, *raw]) as peer:
                rows.append(compare(name, weft, peer, options))
    finally:
        shutil.rmtree(folder)
    options.output.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")


main()
