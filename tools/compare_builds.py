#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares what two builds of the weft command train, bit for bit.

    tools/compare_builds.py OLD NEW [--configs DIR] [--data DIR] [--threads 2] [--all]
                            [--only NAME …] [--keep DIR]

OLD and NEW are two builds of the command, such as build/cpu/weft of two trees on one machine. Both
train the same configs on the CPU, with the same seed and the same number of threads. All tensors of
the last checkpoint (of the model, the optimizer and every other file) are compared bit for bit, and
the lines of metrics.jsonl are compared without the clock. A line per config says that all of it is
equal, or it names the first tensor that differs, with its largest absolute difference and that
difference relative to the largest element of the old tensor. The line ends with the seconds of each
build.

--configs is the folder whose files both builds read, by default this tree's. It must be that of the
older tree if the language of the configs has changed. --data is the folder that has mnist/ and
cifar-10-batches-bin/, by default $WEFT_DATA_DIR or data/ of this tree. A config whose data is
missing is skipped, and its line says so. --all adds text_mlp, adversarial_digits, distill_digits
and cifar_resnet. --keep leaves the run folders in DIR.

The exit code is 0 if all are equal, 1 if something differs or a build fails, and 2 for a mistake on
the command line or if nothing was compared.
"""
import argparse
import array
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
MNIST = "mnist"
CIFAR = "cifar-10-batches-bin"
# Name, file in the folder of configs, changed keys, folder of data, whether only --all trains it.
CONFIGS = [
    ("mnist_cnn", "mnist_cnn.yaml", ["data.subset=6000", "train.epochs=2"], MNIST, False),
    ("digits_mlp", "digits_mlp.yaml", ["data.train_size=6000", "train.epochs=3"], None, False),
    ("finetune_staged_unfreeze", "finetune_staged_unfreeze.yaml", ["train.epochs=8"], None, False),
    ("accumulating", "digits_mlp.yaml",
     ["data.train_size=3000", "train.epochs=3", "train.accumulate=3", "train.clip_norm=0.5",
      "callbacks=[{type: ema, decay: 0.99}]"], None, False),
    ("fp16", "digits_mlp.yaml",
     ["data.train_size=3000", "train.epochs=2",
      "precision={type: fp16, init_scale: 16777216, growth_interval: 20}"], None, False),
    ("text_mlp", "text_mlp.yaml", ["train.epochs=2"], None, True),
    ("adversarial_digits", "adversarial_digits.yaml",
     ["data.train_size=2000", "train.epochs=3"], None, True),
    ("distill_digits", "distill_digits.yaml", ["train.epochs=10"], None, True),
    # The test split, which has 10,000 images, takes most of the time.
    ("cifar_resnet", "cifar_resnet.yaml",
     ["data.subset=160", "data.validation_split=0", "train.epochs=1", "train.batch_size=32",
      "checkpoint.monitor=train/loss", "checkpoint.mode=min"], CIFAR, True),
]
CLOCK = ("seconds", "samples_per_second")


def read_safetensors(path):
    """{name: (dtype, shape, bytes)} of a file."""
    data = pathlib.Path(path).read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    header = json.loads(data[8:8 + length])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        tensors[name] = (entry["dtype"], entry["shape"], data[8 + length + begin:8 + length + end])
    return tensors


def numbers(dtype, data):
    """Returns the elements of a tensor, from its bytes."""
    if dtype == "BF16":  # the upper half of an f32
        widened = b"".join(b"\0\0" + data[i:i + 2] for i in range(0, len(data), 2))
        return struct.unpack(f"<{len(data) // 2}f", widened)
    if dtype == "F16":
        return struct.unpack(f"<{len(data) // 2}e", data)
    codes = {"F32": "f", "F64": "d", "I64": "q", "I32": "i", "U8": "B", "I8": "b", "BOOL": "B"}
    return array.array(codes[dtype], data)


def tensor_difference(old, new):
    """Returns the difference of two (dtype, shape, bytes), or "" if they are equal."""
    if old == new:
        return ""
    if old[:2] != new[:2]:
        return f"was {old[0]} {old[1]}, is {new[0]} {new[1]}"
    a, b = numbers(old[0], old[2]), numbers(new[0], new[2])
    gaps = [abs(x - y) for x, y in zip(a, b)]
    if any(gap != gap for gap in gaps):
        return "differs where one is not finite"
    if max(gaps) == 0:
        return "differs in the sign of a zero"
    largest = max(map(abs, a))
    relative = f"relative {max(gaps) / largest:.3g}" if largest else "all were 0"
    differing = sum(x != y for x, y in zip(a, b))
    return (f"differs in {differing} of {len(a)} numbers, by at most {max(gaps):.3g} "
            f"({relative})")


def checkpoint_difference(old, new):
    """Returns the first difference of the tensors of two checkpoint folders, or ""."""
    files = [sorted(path.name for path in folder.glob("*.safetensors")) for folder in (old, new)]
    if "model.safetensors" not in files[0]:
        return f"{old} has no model.safetensors"
    if files[0] != files[1]:
        return f"files were {', '.join(files[0])}, are {', '.join(files[1])}"
    for file in sorted(files[0], key=lambda name: (name != "model.safetensors", name)):
        a, b = read_safetensors(old / file), read_safetensors(new / file)
        for name in sorted(a.keys() | b.keys()):
            if name not in a or name not in b:
                return f"{file}: only the {'old' if name in a else 'new'} one has {name}"
            difference = tensor_difference(a[name], b[name])
            if difference:
                return f"{file}: {name} {difference}"
    return ""


def metrics_of(run):
    """Returns the lines of metrics.jsonl without times."""
    return [{key: value for key, value in json.loads(line).items() if key not in CLOCK}
            for line in (run / "metrics.jsonl").read_text().splitlines()]


def metrics_difference(old, new):
    a, b = metrics_of(old), metrics_of(new)
    for number, (x, y) in enumerate(zip(a, b), start=1):
        for key in [*x, *(key for key in y if key not in x)]:
            if key not in x or key not in y or x[key] != y[key]:
                return (f"metrics.jsonl, line {number}: {key} was {x.get(key, 'absent')}, "
                        f"is {y.get(key, 'absent')}")
    return "" if len(a) == len(b) else f"metrics.jsonl had {len(a)} lines, has {len(b)}"


def run_difference(old, new):
    """Returns the first difference of the results of two run folders, or ""."""
    return (checkpoint_difference(old / "checkpoints/last", new / "checkpoints/last")
            or metrics_difference(old, new))


def train(command, config, keys, run):
    """Returns the seconds and the failure, or ""."""
    run.parent.mkdir(parents=True, exist_ok=True)
    begin = time.monotonic()
    done = subprocess.run([command, "train", config, *keys, f"run.dir={run}"], check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    seconds = time.monotonic() - begin
    if done.returncode == 0:
        return seconds, ""
    lines = done.stdout.strip().splitlines() or ["it said nothing"]
    return seconds, f"ended with code {done.returncode}: {lines[-1]}"


def compare(options, folder):
    """Prints a line per config. Returns whether all compared ones are equal, and their number."""
    equal, compared = True, 0
    for name, file, keys, data, extra in CONFIGS:
        if name not in options.only if options.only else extra and not options.all:
            continue
        keys = [*keys, f"run.threads={options.threads}", "run.device=cpu"]
        if data:
            if not (options.data / data).is_dir():
                print(f"{name:<25} skipped: {options.data / data} does not exist", flush=True)
                continue
            keys.append(f"data.root={options.data / data}")
        seconds, problem = [], ""
        for side, command in [("old", options.old), ("new", options.new)]:
            took, failed = train(command, options.configs / file, keys, folder / name / side)
            seconds.append(f"{took:.1f} s")
            problem = problem or (failed and f"the {side} build {failed}")
        problem = problem or run_difference(folder / name / "old", folder / name / "new")
        print(f"{name:<25} {problem or 'equal to the bit'}; {' and '.join(seconds)}", flush=True)
        equal = equal and not problem
        compared += 1
    return equal, compared


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old", type=pathlib.Path, help="the weft command to compare with")
    parser.add_argument("new", type=pathlib.Path, help="the weft command that is compared")
    parser.add_argument("--configs", type=pathlib.Path, default=ROOT / "configs")
    parser.add_argument("--data", type=pathlib.Path,
                        default=pathlib.Path(os.environ.get("WEFT_DATA_DIR", ROOT / "data")))
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--all", action="store_true", help="the configs that take longer too")
    names = [entry[0] for entry in CONFIGS]
    parser.add_argument("--only", nargs="+", choices=names, default=[], metavar="NAME",
                        help="of " + ", ".join(names))
    parser.add_argument("--keep", type=pathlib.Path, help="a new folder, which keeps the runs")
    options = parser.parse_args()
    for command in (options.old, options.new):
        if not os.access(command, os.X_OK) or not command.is_file():
            parser.error(f"{command} is not a program; a build of the weft command is required")
    options.old, options.new = options.old.resolve(), options.new.resolve()
    if not options.configs.is_dir():
        parser.error(f"--configs: {options.configs} is not a folder; one of configs is required")
    options.configs, options.data = options.configs.resolve(), options.data.resolve()
    if options.keep:
        if options.keep.exists():
            parser.error(f"--keep: {options.keep} exists; the name of a new folder is required")
        equal, compared = compare(options, options.keep.resolve())
    else:
        with tempfile.TemporaryDirectory(prefix="weft-compare-") as folder:
            equal, compared = compare(options, pathlib.Path(folder))
    if compared == 0:
        parser.error("nothing was compared; a config whose data exists is required")
    return 0 if equal else 1


if __name__ == "__main__":
    sys.exit(main())
