#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests that tools/compare_builds.py reports the differences of two runs, with its exit code."""
import contextlib
import json
import struct
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

TOOL = Path(__file__).resolve().parents[2] / "tools" / "compare_builds.py"
sys.path.insert(0, str(TOOL.parent))
import compare_builds  # noqa: E402

# This command stands in for weft. It writes an invented run into the run folder.
COMMAND = """#!{python}
import sys
sys.path.insert(0, {folder!r})
import compare_builds_test as test
from pathlib import Path
keys = dict(argument.split("=", 1) for argument in sys.argv[3:])
test.write_run(Path(keys["run.dir"]), {changes!r}, seed=keys["run.threads"])
"""


def write_safetensors(path, tensors):
    """{name: (dtype, shape, bytes)}"""
    header, offset = {"__metadata__": {"a": "b"}}, 0
    for name, (dtype, shape, data) in tensors.items():
        end = offset + len(data)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    data = b"".join(data for _, _, data in tensors.values())
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def floats(*values):
    return ("F32", [len(values)], struct.pack(f"<{len(values)}f", *values))


def write_run(run, changes, seed="2"):
    """Writes a run folder. `changes` replaces tensors {file: {name: values}} and the last loss."""
    last = run / "checkpoints/last"
    last.mkdir(parents=True)
    files = {"model": {"a.weight": floats(1, 2, -4), "b.weight": floats(5)},
             "optimizer": {"a.weight.mean": floats(0.5), "seed": floats(float(seed)),
                           "steps": ("I64", [], struct.pack("<q", 7))}}
    for file, tensors in files.items():
        for name, values in changes.get(file, {}).items():
            if values is None:
                del tensors[name]
            else:
                tensors[name] = floats(*values)
        write_safetensors(last / f"{file}.safetensors", tensors)
    losses = [0.5, changes.get("loss", 0.25)]
    lines = [{"epoch": epoch, "train/loss": loss, "seconds": time.time()}
             for epoch, loss in enumerate(losses)]
    (run / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


class Differences(unittest.TestCase):
    def difference(self, changes):
        with tempfile.TemporaryDirectory() as root:
            write_run(Path(root, "old"), {})
            write_run(Path(root, "new"), changes)
            return compare_builds.run_difference(Path(root, "old"), Path(root, "new"))

    def test_none(self):
        self.assertEqual(self.difference({}), "")

    def test_one_number(self):
        found = self.difference({"model": {"a.weight": (1, 2.5, -4)}})
        self.assertEqual(found, "model.safetensors: a.weight differs in 1 of 3 numbers, "
                                "by at most 0.5 (relative 0.125)")

    def test_the_sign_of_zero_and_the_last_bit(self):
        difference = compare_builds.tensor_difference
        self.assertEqual(difference(floats(0.0), floats(-0.0)), "differs in the sign of a zero")
        self.assertIn("relative 5.96e-08", difference(floats(2.0), floats(2.0 - 2.0**-23)))
        self.assertIn("all were 0", difference(floats(0.0), floats(1.0)))

    def test_not_finite(self):
        self.assertEqual(compare_builds.tensor_difference(floats(1), floats(float("nan"))),
                         "differs where one is not finite")

    def test_half_types(self):
        numbers = compare_builds.numbers
        self.assertEqual(list(numbers("BF16", struct.pack("<HH", 0x3F80, 0xC000))), [1, -2])
        self.assertEqual(list(numbers("F16", struct.pack("<ee", 1, -2))), [1, -2])

    def test_the_optimizer_too(self):
        self.assertIn("optimizer.safetensors: a.weight.mean differs",
                      self.difference({"optimizer": {"a.weight.mean": (0.25,)}}))

    def test_shape_and_name(self):
        self.assertEqual(self.difference({"model": {"b.weight": (5, 5)}}),
                         "model.safetensors: b.weight was F32 [1], is F32 [2]")
        self.assertIn("only the old one has b.weight",
                      self.difference({"model": {"b.weight": None}}))
        self.assertIn("only the new one has c.weight",
                      self.difference({"model": {"c.weight": (1,)}}))

    def test_metrics_without_the_clock(self):
        self.assertEqual(self.difference({"loss": 0.26}),
                         "metrics.jsonl, line 2: train/loss was 0.25, is 0.26")


class Command(unittest.TestCase):
    @contextlib.contextmanager
    def commands(self, changes):
        with tempfile.TemporaryDirectory() as root:
            paths = []
            for name, its in (("old", {}), ("new", changes)):
                paths.append(Path(root, name))
                paths[-1].write_text(COMMAND.format(python=sys.executable, changes=its,
                                                    folder=str(Path(__file__).parent)))
                paths[-1].chmod(0o755)
            yield paths

    def run_tool(self, *arguments):
        command = [sys.executable, TOOL, *arguments, "--data", "/nowhere"]
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr

    def test_equal(self):
        with self.commands({}) as (old, new):
            code, output = self.run_tool(old, new)
        self.assertEqual(code, 0, output)
        self.assertRegex(output, r"digits_mlp +equal to the bit; \d+\.\d s and \d+\.\d s\n")
        self.assertRegex(output, r"mnist_cnn +skipped: /nowhere/mnist does not exist\n")
        self.assertNotIn("text_mlp", output)

    def test_different(self):
        with self.commands({"model": {"b.weight": (6,)}}) as (old, new):
            code, output = self.run_tool(old, new, "--only", "fp16")
        self.assertEqual(code, 1, output)
        self.assertIn("b.weight differs in 1 of 1 numbers, by at most 1 (relative 0.2)", output)
        self.assertEqual(output.count("\n"), 1)

    def test_a_build_that_fails(self):
        with self.commands({}) as (old, new):
            new.write_text("#!/bin/sh\necho what is wrong\nexit 2\n")
            code, output = self.run_tool(old, new, "--only", "fp16")
        self.assertEqual(code, 1, output)
        self.assertIn("the new build ended with code 2: what is wrong", output)

    def test_mistakes(self):
        self.assertEqual(self.run_tool("/nowhere/weft", "/nowhere/weft")[0], 2)
        with self.commands({}) as (old, new):
            self.assertEqual(self.run_tool(old, new, "--only", "mnist_cnn")[0], 2)
            self.assertEqual(self.run_tool(old, new, "--configs", "/nowhere")[0], 2)
            self.assertEqual(self.run_tool(old, new, "--only", "no_such")[0], 2)


if __name__ == "__main__":
    unittest.main()
