#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests what bench/growth.py and bench/whole_runs.py compute, and what they refuse. A small script
stands in for weft, and nothing imports PyTorch."""
import contextlib
import io
import json
import sys
import tempfile
import types
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "bench"))
import growth  # noqa: E402
import sized_works  # noqa: E402
import whole_runs  # noqa: E402

# Opens its logs after 0.3 s and logs a step 0.2 s later, if it is asked to and has one; then the
# epochs and the test. With a step, it would sleep for a minute.
WEFT = """#!{python}
import json, pathlib, sys, time
keys = dict(argument.split("=", 1) for argument in sys.argv[3:])
run = pathlib.Path(keys["run.dir"])
time.sleep(0.3)
run.mkdir()
(run / "metrics.csv").touch()
with open(run / "metrics.jsonl", "w") as log:
    if {steps} and "run.log_every" in keys:
        time.sleep(0.2)
        print('{{"schema":1,"event":"step","step":1}}', file=log, flush=True)
    for epoch, seconds in enumerate([2, 3.5, 5]):
        print(json.dumps({{"event": "epoch", "epoch": epoch, "seconds": seconds}}), file=log)
    print(json.dumps({{"event": "test", "test/accuracy": 0.5}}), file=log)
if {steps}: time.sleep(60)
"""


def refusal(parse, *arguments):
    """What is printed when these arguments are refused."""
    error = io.StringIO()
    with contextlib.redirect_stderr(error):
        try:
            parse([str(argument) for argument in arguments])
        except SystemExit as end:
            return f"{end.code} {error.getvalue()}"
    return "accepted"


class SizedWorks(unittest.TestCase):
    def test_reads_what_it_names(self):
        name = sized_works.name("mlp", batch=4, width=8, depth=2)
        self.assertEqual(sized_works.read(name), ("mlp", {"batch": 4, "width": 8, "depth": 2}))
        self.assertEqual(sized_works.read("cnn"), ("cnn", {"batch": 64, "width": 32}))
        self.assertEqual(sized_works.read("mlp:depth=9")[1], {"batch": 64, "width": 512, "depth": 9})

    def test_refuses_in_one_sentence(self):
        for work, said in (("rnn:batch=1", "'rnn:batch=1' is no work with sizes"), ("cnn:depth=3", "'depth=3' given"),
                           ("mlp:batch=0", "'batch=0' given"), ("mlp:batch", "'batch' given"), ("mlp:width=-4", "'width=-4' given"),
                           ("mlp:batch=4x", "'batch=4x' given"), ("mlp:width=2000000", "'width=2000000' given")):
            with self.assertRaisesRegex(ValueError, said):
                sized_works.read(work)

    def test_what_a_work_costs(self):
        self.assertEqual(sized_works.products("mlp:width=4,depth=3"), 784 * 4 + 4 * 4 + 4 * 10)
        self.assertEqual(sized_works.parameters("mlp:width=4,depth=3"), 784 * 4 + 4 * 4 + 4 * 10 + 4 + 4 + 10)
        # Those of configs/mnist_cnn.yaml, as weft prints them.
        self.assertEqual(sized_works.parameters("cnn:width=32"), 421738)


PROGRAM = sys.executable  # any program


class Growth(unittest.TestCase):
    def test_a_line_is_found_and_never_falls(self):
        a, b = growth.fit([1, 10, 1000], [5, 23, 2003])
        self.assertAlmostEqual(a, 3)
        self.assertAlmostEqual(b, 2)
        self.assertEqual(growth.fit([1, 2], [4, 2])[1], 0)
        self.assertEqual(growth.fit([1, 2], [1, 4])[0], 0)
        self.assertEqual(growth.fit([7, 7], [2, 2]), (2, 0))

    def test_bends_are_named(self):
        rows = [{"axis": "batch", "kind": "mlp", "size": n, "work": f"mlp:batch={n}", "threads": 2,
                 "weft": {"ms": 1 + n, "mb": 10 + n}, "torch": {"ms": 2 + n if n != 64 else 99, "mb": 10 + n}}
                for n in (1, 4, 16, 64, 256)]
        bends = {(line["side"], line["what"]): line["bends"] for line in growth.lines(rows)}
        self.assertEqual([bends["weft", "ms"], bends["weft", "mb"], bends["torch", "mb"]], [{}, {}, {}])
        self.assertEqual(list(bends["torch", "ms"]), [64])

    def test_points(self):
        works = [work for _, work, _ in growth.points("depth", "mlp", False)]
        self.assertEqual((works[0], works[-1]), ("mlp:batch=64,width=128,depth=2", "mlp:batch=64,width=128,depth=256"))
        self.assertEqual([growth.points("batch", "mlp", True)[i][0] for i in (0, -1)], [1, 4096])
        self.assertEqual(growth.thread_counts(6), [1, 2, 4, 6])
        for axis, kinds in growth.AXES.items():
            for kind in kinds:
                for _, work, _ in growth.points(axis, kind, False):
                    sized_works.read(work)

    def test_options(self):
        self.assertEqual(growth.options_of([PROGRAM, "--short"]).rounds, 3)
        self.assertEqual(growth.options_of([PROGRAM]).rounds, 5)
        self.assertEqual(growth.options_of([PROGRAM, "--work", "cnn"]).axis, list(growth.AXES))
        for arguments, said in (([], "weft_bench: missing"), (["bench", "--rounds", 0], "--rounds: 0 given; at least 1"),
                                (["bench", "--seconds", 0], "more than 0 is required"), (["--draw", "/nothing"], "is no file"),
                                (["--draw", __file__], "without --plot"), (["bench", "--axis", "height"], "invalid choice"),
                                (["--draw", __file__, "--plot", "x.svg"], "is no earlier --output"),
                                (["/nothing"], "/nothing is not a program; a build of weft_bench is required"),
                                ([PROGRAM, "--output", "/nothing/x.json"], "a file in a folder that exists is required"),
                                ([PROGRAM, "--axis", "depth", "--work", "cnn"], "a work that has this axis, mlp, is required")):
            found = refusal(growth.options_of, *arguments)
            self.assertTrue(found.startswith("2 ") and said in found, found)


class WholeRuns(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.data = Path(self.folder.name)
        (self.data / "cifar-10-batches-bin").mkdir()
        (self.data / "cifar-10-batches-bin/data_batch_1.bin").write_bytes(bytes(3073 * 2000))

    def tearDown(self):
        self.folder.cleanup()

    def options(self, *arguments):
        return whole_runs.options_of([str(a) for a in (PROGRAM, "--work", "cifar", "--data", self.data, *arguments)])

    def test_overrides(self):
        root = self.data / "cifar-10-batches-bin"
        self.assertEqual(whole_runs.overrides("cifar", root, self.options()), [f"data.root={root}", "train.epochs=2"])
        changed = whole_runs.overrides("cifar", root, self.options("--samples", 900, "--width", 8, "--threads", 1))
        self.assertEqual(changed[2:], ["run.threads=1", "data.subset=900", "data.validation_split=0.05000000", "model.width=8"])
        changed = whole_runs.overrides("mnist", root, self.options("--width", 8))
        self.assertEqual(changed[2:], ["model.channels=[8, 16]", "model.hidden=32"])
        # All samples are no subset.
        self.assertEqual(len(whole_runs.overrides("cifar", root, self.options("--samples", 1800))), 2)

    def test_times(self):
        events = [{"event": "epoch", "seconds": s} for s in (9, 10, 12)]
        self.assertEqual(whole_runs.epoch_seconds([*events, {"event": "test"}]), 1.5)

    def test_row(self):
        runs = {side: [{"epoch_s": e, "program_s": 10, "mb": 1, "test_accuracy": 0.5} for e in times]
                for side, times in (("weft", (1, 2, 1)), ("torch", (3, 3, 2)))}
        starts = {side: [{"start_s": s, "first_step_s": 2 * s} for s in times]
                  for side, times in (("weft", (0.2, 0.3)), ("torch", (2, 2)))}
        row = whole_runs.compared("cifar", {"workers": 2}, "PyTorch 0", runs, starts, self.options())
        self.assertEqual([row[key] for key in ("work", "ratio", "epoch_low", "epoch_high", "weft_start_s", "program_ratio", "goal")],
                         ["cifar", 2, 1.5, 3, 0.25, 1, 1.6])
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            whole_runs.print_row(row)
        self.assertIn("| epoch, s | 1.00 | 3.00 | 2.00 | 1.50 to 3.00 | 1.6: met |", printed.getvalue())
        self.assertIn("| start, s | 0.250 | 2.000 | 8.0 | weft 0.200 to 0.300 | at most 0.3: met |", printed.getvalue())
        self.assertIn("| first step, s | 0.500 | 4.000 | 8.0 | weft 0.400 to 0.600 |", printed.getvalue())

    def weft(self, steps):
        program = self.data / "weft"
        program.write_text(WEFT.format(python=sys.executable, steps=steps))
        program.chmod(0o755)
        options = self.options()
        options.weft = program
        return whole_runs.Weft("cifar", self.data, options, self.data)

    def test_a_run_and_its_start(self):
        found = self.weft(1).start()
        self.assertTrue(0.25 < found["start_s"] < found["first_step_s"] - 0.1 < 20, found)
        found = self.weft(0).run()
        self.assertEqual((found["epoch_s"], found["test_accuracy"]), (1.5, 0.5))
        self.assertGreater(found["program_s"], 0.3)
        self.assertEqual(list(self.data.glob("weft-*")), [])

    def test_a_run_that_fails(self):
        with self.assertRaisesRegex(RuntimeError, "ended with code 0 before its first step"):
            self.weft(0).start()
        (self.data / "weft").write_text("#!/bin/sh\necho no such key >&2\nexit 2\n")
        side = self.weft(0)
        (self.data / "weft").write_text("#!/bin/sh\necho no such key >&2\nexit 2\n")
        with self.assertRaisesRegex(RuntimeError, "ended with code 2: no such key"):
            side.run()

    def test_pytorch_at_its_best(self):
        times = {("contiguous", 1, 4, 0): 3.0, ("contiguous", 1, 1, 0): 2.0, ("contiguous", 1, 1, 2): 1.0}
        side = types.SimpleNamespace(mode={"layout": "channels_last", "fused": 0, "threads": 4, "workers": 0}, tried={},
                                     command=lambda mode, samples, epochs: mode)

        def run(mode):
            if mode["workers"] == 4:
                raise RuntimeError("no more processes")
            took = times.get(tuple(mode.values()), 9.0)
            return 0, 0, "".join(json.dumps({"event": "epoch", "seconds": s}) + "\n" for s in (5, 5 + took, 9 + 2 * took))
        real, whole_runs.run_to_end = whole_runs.run_to_end, run
        try:
            with contextlib.redirect_stderr(io.StringIO()) as printed:
                whole_runs.Torch.find_mode(side, 64)
        finally:
            whole_runs.run_to_end = real
        self.assertEqual(side.mode, {"layout": "contiguous", "fused": 1, "threads": 1, "workers": 2})
        self.assertIn("workers 4 does not run (no more processes)", printed.getvalue())

    def test_options(self):
        for arguments, said in ((["--epochs", 1], "--epochs: 1 given; at least 2"), (["--samples", -1], "at least 0 is required"),
                                (["--width", -1], "--width: -1 given"), (["--starts", 0], "--starts: 0 given"),
                                (["--work", "mnist"], "mnist is no folder; the data of mnist is required")):
            found = refusal(whole_runs.options_of, PROGRAM, "--work", "cifar", "--data", self.data, *arguments)
            self.assertTrue(found.startswith("2 ") and said in found, found)


if __name__ == "__main__":
    unittest.main()
