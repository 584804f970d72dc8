#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""weft.run with the command: run_events_test.py WEFT_COMMAND

If numpy cannot be imported (by this Python or $WEFT_PYTHON), the exit code is 77, which skips the
test.
"""
import io
import json
import math
import os
import pathlib
import pickle
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from weft_package import ROOT, weft  # which looks for numpy

import numpy as np

COMMAND = os.path.abspath(sys.argv.pop())
SECONDS = 60  # for anything that is waited for
CONFIG = {"run": {"threads": 1},
          "data": {"type": "digits", "train_size": 200, "test_size": 40, "validation_split": 0.1},
          "model": {"type": "mlp", "hidden": [16]}, "train": {"epochs": 2, "batch_size": 20}}
LONG = ["train.epochs=1000000", "checkpoint.every=1000000ep"]


class Runs(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.config = self.folder / "small.yaml"
        self.config.write_text(json.dumps(CONFIG))

    def start(self, config=None, overrides=(), *arguments, **settings):
        run = weft.run(config or self.config, overrides, *arguments, program=COMMAND, folder=self.folder,
                       **settings)
        self.addCleanup(run.__exit__)
        self.addCleanup(run.kill)
        return run

    def failure(self, run):
        with self.assertRaises(weft.Error) as raised:
            run.wait()
        return raised.exception

    def test_events_and_result(self):
        run = self.start(overrides=["run.dir=run"])
        events = list(run)
        names = [event["event"] for event in events]
        self.assertEqual((names[0], names[-1]), ("begin", "end"))
        self.assertEqual([event["epoch"] for event in events if event["event"] == "epoch"], [1, 2])
        result = run.wait()
        self.assertIs(run.wait(), result)
        self.assertEqual((result.code, result.reason, result.epochs, result.steps), (0, "complete", 2, 18))
        self.assertFalse(result.stopped or run.running())
        self.assertEqual(result.folder, self.folder / "run")
        self.assertEqual(result.metrics["validation/loss"], result.validation_loss)
        self.assertIn("test/accuracy", result.metrics)
        self.assertEqual(result.checkpoint.name, "step-18")
        self.assertEqual(weft.load(result.checkpoint / "model.safetensors").keys(),
                         weft.load(result.folder / "checkpoints/last/model.safetensors").keys())

    def test_on_event_and_output(self):
        seen, output = [], io.StringIO()
        self.start(None, ["run.dir=run"], seen.append, output=output).wait()
        lines = [json.loads(line) for line in (self.folder / "run/metrics.jsonl").read_text().splitlines()]
        self.assertEqual([event for event in seen if event["event"] not in ("begin", "checkpoint", "end")], lines)
        self.assertEqual(output.getvalue(), (self.folder / "run/log.txt").read_text())

        def fails(event):
            if event["event"] == "epoch":
                raise KeyError("mine")

        run = self.start(None, ["run.dir=run2", *LONG], fails)
        with self.assertRaises(KeyError), run:
            run.wait()
        self.assertFalse(run.running())  # the end of the block has stopped it
        self.assertIn("stopped after", (self.folder / "run2/log.txt").read_text())

    def test_a_dict_and_the_environment(self):
        self.assertEqual(self.start(CONFIG, ["train.epochs=1"]).wait().folder.parent,
                         self.folder / "runs/python")
        error = self.failure(self.start(environment={"CUDA_VISIBLE_DEVICES": "", "LD_PRELOAD": "",
                                                     "RANK": "5", "WORLD_SIZE": "2"}))
        self.assertEqual(error.code, 2)

    def test_stop_and_resume(self):
        run = self.start(overrides=["run.dir=run", *LONG])
        for event in run:
            if event["event"] == "epoch":
                run.stop()
                run.stop()  # one signal: a second would end it without a checkpoint
        result = run.wait()
        self.assertEqual((result.code, result.stopped), (128 + signal.SIGINT, True))
        self.assertTrue((result.checkpoint / "manifest.json").exists())
        again = self.start(result.folder / "config.yaml",
                           ["run.dir=run", "resume=auto", f"train.epochs={result.epochs + 1}"])
        begin = next(iter(again))
        self.assertEqual(begin["resumed_at"], result.steps)
        self.assertEqual(again.wait().epochs, result.epochs + 1)

    def test_checkpoint(self):
        run = self.start(overrides=["run.dir=run", *LONG])
        run.checkpoint()  # at once, before the run is there
        steps = []
        for event in run:
            if event["event"] == "checkpoint":
                steps.append(event["step"])
                self.assertTrue((self.folder / event["folder"] / "manifest.json").exists())
                if len(steps) == 1:
                    run.checkpoint()
                else:
                    run.stop()
        self.assertGreaterEqual(len(steps), 2)
        self.assertGreater(steps[1], steps[0])
        self.assertTrue(run.wait().stopped)

    def test_errors_have_the_sentence_of_the_program(self):
        error = self.failure(self.start(overrides=["optimizer.lrr=1"]))
        self.assertIn("did you mean 'lr'?", str(error))
        self.assertEqual((error.code, error.folder), (2, None))
        error = self.failure(self.start(overrides=["run.dir=run", "optimizer.type=sgd", "optimizer.lr=1e9"]))
        self.assertIn("try a lower learning rate", str(error))
        self.assertEqual((error.code, error.folder), (3, str(self.folder / "run")))
        again = pickle.loads(pickle.dumps(error))
        self.assertEqual((str(again), again.code, again.folder), (str(error), error.code, error.folder))
        self.assertIn("nowhere.yaml", str(self.failure(self.start("nowhere.yaml"))))

    def test_a_killed_program_is_an_error(self):
        run = self.start(overrides=["run.dir=run", *LONG])
        next(iter(run))
        run.kill()
        error = self.failure(run)
        self.assertEqual(error.code, 128 + signal.SIGKILL)
        self.assertEqual(str(error), "weft was ended by signal 9")

    def test_mistakes_of_the_call(self):
        for bad in ("train.epochs=3", ["train.epochs"], [3]):
            with self.assertRaisesRegex(ValueError, "such as 'train.epochs=3'"):
                self.start(overrides=bad)
        with self.assertRaisesRegex(TypeError, "a path or a dict is required"):
            self.start(7)
        with self.assertRaisesRegex(weft.Error, "/no/such/weft is no program"):
            weft.run(self.config, program="/no/such/weft")
        with self.assertRaisesRegex(weft.Error, "^folder: /no/such is no folder"):
            weft.run(self.config, program=COMMAND, folder="/no/such")
        for settings, sentence in [
                ({"on_event": 3}, "on_event: int given; a function is required"),
                ({"environment": {"RANK": 5}}, "environment: RANK: int given; a text is required"),
                ({"environment": {"RANK": "\0"}}, "environment: RANK: .* without null bytes"),
                ({"environment": {"A=B": ""}}, "environment: 'A=B' given"), ({"output": 3}, "output: int given"),
                ({"overrides": ["run.dir=\0"]}, "overrides: .* without null bytes"),
                ({"plugins": "a.so"}, "plugins: str given; a list of paths"), ({"grace": "x"}, "grace: 'x' given"),
                ({"config": {"model": {"hidden": {16}}}}, "config: model.hidden: set given"),
                ({"config": "a\0"}, "config: .* without null bytes"), ({"program": 3}, "program: int given")]:
            with self.assertRaisesRegex((TypeError, ValueError), f"^{sentence}"):
                weft.run(**{"config": self.config, "program": COMMAND, **settings})

    def test_a_dict_of_numpy(self):
        config = {**CONFIG, "model": {"type": "mlp", "hidden": np.array([8])},
                  "train": {"epochs": np.int64(1), "batch_size": 20}, "optimizer": {"type": "adamw", "lr": np.float32(0.5)}}
        self.assertEqual(self.start(config).wait().epochs, 1)
        error = self.failure(self.start({**config, "optimizer": {"type": "adamw", "lr": -1}}))
        self.assertRegex(str(error), "^config: optimizer.lr: ")  # and no file that is gone

    def test_nothing_outlives_a_killed_process(self):
        code = (f"import sys; sys.path.insert(0, {str(ROOT / 'python')!r})\n"
                f"import weft\nfor event in weft.run({str(self.config)!r}, {['run.dir=run', *LONG]!r}, "
                f"program={COMMAND!r}, folder={str(self.folder)!r}):\n  print(event['event'], flush=True)")
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for line in process.stdout:
            if line == "epoch\n":
                break
        process.kill()
        process.wait()
        process.stdout.close()
        log, deadline = self.folder / "run/log.txt", time.monotonic() + SECONDS
        while "stopped after" not in log.read_text():
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.05)

    def test_no_validation_is_infinity(self):
        self.assertEqual(self.start(overrides=["data.validation_split=0"]).wait().validation_loss, math.inf)


if __name__ == "__main__":
    unittest.main()
