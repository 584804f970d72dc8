#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""weft tune and weft.tune with Optuna and the command: tune_test.py WEFT_COMMAND

If Optuna cannot be imported (by this Python or $WEFT_PACKAGES_PYTHON), the exit code is 77, which
skips the test.
"""
import contextlib
import csv
import errno
import io
import json
import math
import os
import pathlib
import shlex
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest
from unittest import mock

import other_python

try:
    import optuna
    import sqlalchemy.exc
except ImportError as missing:
    other_python.run_with("WEFT_PACKAGES_PYTHON", missing)

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python"))
import weft  # noqa: E402
from weft import __main__, _space, _study, _tune, _tune_result  # noqa: E402

COMMAND = os.path.abspath(sys.argv.pop())
SECONDS = 120  # for anything that is waited for
CONFIG = """run: {threads: 1}
data: {type: digits, train_size: 200, test_size: 20, validation_split: 0.2}
model: {type: mlp, hidden: [16]}
optimizer: {type: adamw, lr: 1e-3}
train: {epochs: 2, batch_size: 20}
"""
LONG = ["train.epochs=400", "train.batch_size=4", "checkpoint.every=1000ep", "--pruner", "none", "--jobs", "2"]
SPACE = """# what is tuned
optimizer.type: {choice: [sgd, adamw]}
optimizer.lr: {float: [1e-4, 1e-1], log: true}
optimizer.momentum: {float: [0, 0.9], when: {optimizer.type: sgd}}
model.hidden: {choice: [[16], [24, 16]]}
"""


class InFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name).resolve()
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(self.folder)
        self.write("small.yaml", CONFIG)
        self.write("space.yaml", SPACE)

    def write(self, name, text):
        (self.folder / name).write_text(text)

    def tune(self, space, trials, overrides=(), **settings):
        settings.setdefault("storage", "s.db")
        return weft.tune("small.yaml", space, trials, overrides=overrides, program=COMMAND, **settings)

    def mistake(self, space="space.yaml", trials=1, overrides=(), **settings):
        with self.assertRaises(weft.Error) as raised:
            self.tune(space, trials, overrides, **settings)
        self.assertEqual(raised.exception.code, 2)
        self.assertNotIn("\n", str(raised.exception))
        return str(raised.exception)


class Space(InFolder):
    def sentence(self, text):
        self.write("bad.yaml", text)
        with self.assertRaises(weft.Error) as raised:
            _space.read_space("bad.yaml")
        self.assertTrue(str(raised.exception).startswith("bad.yaml"), raised.exception)
        return str(raised.exception)

    def test_mistakes_name_their_line(self):
        for text, part in [
                ("a: 1", "bad.yaml:1: a: 1 given; one of float, int and choice is required"),
                ("# one\na: {flot: [1, 2]}", "bad.yaml:2: a: {flot: [1, 2]} given"),
                ("a: {flot: [1, 2]}", "did you mean 'float'?"),
                ("a: {float: [2, 1]}", "a low end below the high end is required"),
                ("a: {float: [1, 2], lg: true}", "unknown key 'lg'; known: float, log, step, when; did you mean 'log'?"),
                ("a: {choice: [1], log: true}", "unknown key 'log'; known: choice, when"),
                ("a: {int: [1, 2.5]}", "int: 2.5 given; an integer is required"),
                ("a: {float: [1, .inf]}", "float: .inf given; a number is required"),
                ("a: {float: [1, 2, 3]}", "two numbers [low, high] are required"),
                ("a: {choice: []}", "a list of at least one value is required"),
                ("a: {choice: [x, x]}", "x is given twice"),
                ("a: {float: [0, 1], log: true}", "ends above 0 are required with log"),
                ("a: {float: [1, 2], log: maybe}", "log: maybe given; true or false is required"),
                ("a: {float: [0, 1], step: 3}", "step: 3 given; more than 0 and at most 1 is required"),
                ("a: {float: [1, 2], log: true, step: 1}", "log and step given"),
                ("a: {float: [0, 1], when: {lrr: 1}}\nlr: {choice: [1]}", "'lrr' is no key of the space; known: lr; "
                                                                         "did you mean 'lr'?"),
                ("a.momentum: {float: [0, 1], when: {momentum: 1}}\na.nesterov: {choice: [1]}", "known: a.nesterov"),
                ("a: {float: [0, 1], when: {b: sdg}}\nb: {choice: [sgd, adam]}", "b is never sdg; one of sgd, adam is "
                                                                                "required; did you mean 'sgd'?"),
                ("a: {float: [0, 1], when: {b: 1}}\nb: {float: [0, 1]}", "'b' is a range"),
                ("a: {choice: [x], when: {b: y}}\nb: {choice: [y], when: {a: x}}", "leads back to itself"),
                ("a: {int: [1, 2]}\na: {int: [1, 2]}", "bad.yaml:2: 'a' is given twice"),
                ("a: [", "YAML is required"), ("", "nothing given"), ("- a", "keys of the config")]:
            with self.subTest(text):
                self.assertIn(part, self.sentence(text))
        # A key is no suggestion for its own condition.
        with self.assertRaisesRegex(weft.Error, "known: no other$"):
            _space.read_space({"a.momentum": {"float": [0, 1], "when": {"momentum": 1}}})

    def test_a_file_that_is_none_has_no_end_or_is_long(self):
        os.mkfifo("pipe")
        self.write("long.yaml", "# " + "x" * 2**18)
        self.write("deep.yaml", "[" * 10000)
        for path, part in [("nowhere.yaml", "cannot be read (No such file"), ("/dev/zero", "(it is no file)"),
                           ("pipe", "(it is no file)"), (".", "(it is no file)"),
                           ("long.yaml", "(it has more than 256 KiB)"), ("deep.yaml", "has too many brackets")]:
            with self.assertRaises(weft.Error) as raised:
                _space.read_space(path)
            self.assertIn(part, str(raised.exception))
            self.assertEqual((raised.exception.code, raised.exception.argument), (2, "space"))

    def test_a_condition_of_a_condition(self):
        space = _space.read_space({"c": {"int": [1, 3], "when": {"b": 2}}, "a": {"choice": ["x", "y"]},
                                   "b": {"int": [1, 2], "when": {"a": ["x"]}}})
        self.assertEqual([each.key for each in space.parameters], ["a", "b", "c"])
        self.assertEqual(space.grid(), [{"a": "x", "b": 1}, {"a": "x", "b": 2, "c": 1}, {"a": "x", "b": 2, "c": 2},
                                        {"a": "x", "b": 2, "c": 3}, {"a": "y"}])
        samples = list(space.samples())
        for key, value in [("a", "x"), ("a", "y"), ("b", 1), ("b", 2), ("c", 1), ("c", 3)]:
            self.assertTrue(any(sample.get(key) == value for sample in samples), (key, value))
        self.assertTrue(all(sample in space.grid() for sample in samples))

    def test_values_are_what_the_command_line_takes(self):
        space = _space.read_space("space.yaml")
        self.assertEqual(_space.overrides_of({"model.hidden": "[24, 16]", "optimizer.lr": 1e-4, "n": 3}),
                         ["model.hidden=[24, 16]", "optimizer.lr=0.0001", "n=3"])
        self.assertEqual(space.text(), _space.read_space({
            "optimizer.type": {"choice": ["sgd", "adamw"]}, "optimizer.lr": {"float": [1e-4, 1e-1], "log": True},
            "optimizer.momentum": {"float": [0, 0.9], "when": {"optimizer.type": "sgd"}},
            "model.hidden": {"choice": [[16], [24, 16]]}}).text())
        steps = _space.read_space({"a": {"float": [0, 1], "step": 0.3}, "b": {"int": [16, 250], "step": 16}})
        self.assertEqual([[each.low, each.last()] for each in steps.parameters], [[0, 0.8999999999999999], [16, 240]])


class Studies(InFolder):
    def test_slow_a_study_and_its_results(self):
        seen = []
        result = self.tune("space.yaml", 6, jobs=2, pruner="none", seed=2**32 - 1, on_trial=seen.append)
        self.assertEqual(sorted(trial.number for trial in seen), list(range(6)))
        self.assertEqual([trial.outcome for trial in result.trials], ["complete"] * 6)
        losses = [trial.loss for trial in result.trials]
        self.assertEqual(losses, sorted(losses))
        self.assertEqual(result.best.loss, losses[0])
        for trial in result.trials:
            self.assertEqual("optimizer.momentum" in trial.values, trial.values["optimizer.type"] == "sgd")
            self.assertEqual(trial.folder, self.folder / f"runs/small-tune/trial-{trial.number}")
            lines = (trial.folder / "metrics.jsonl").read_text().splitlines()
            self.assertEqual(json.loads(lines[1])["validation/loss"], trial.loss)
            self.assertEqual([loss for _, loss in trial.validations][-1], trial.loss)
            overrides = (trial.folder / "overrides.txt").read_text().splitlines()
            self.assertLessEqual(set(_space.overrides_of(trial.values)), set(overrides))
        written = json.loads(pathlib.Path("s.tune.json").read_text())
        self.assertEqual((written["best"], written["trials"][0]["loss"]), (result.best.number, losses[0]))
        self.assertEqual(json.loads((result.folder / "tune.json").read_text()), written)
        subprocess.run([COMMAND, "report", str(result.folder), "--out", "study.html"], check=True,
                       capture_output=True)
        page = pathlib.Path("study.html").read_text()
        for part in ["6 trials: 6 complete", f"/trial-{result.best.number}<", "Validation loss over optimizer.momentum"]:
            self.assertIn(part, page)
        with open("s.trials.csv", encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual([float(row["validation_loss"]) for row in rows], losses)
        self.assertEqual(rows[0]["optimizer.lr"], str(result.best.values["optimizer.lr"]))
        self.assertEqual(len(result.table().splitlines()), 7)
        # The command of the best trial trains it again.
        words = shlex.split(result.command)
        self.assertEqual(words[:3], ["weft", "train", "small.yaml"])
        again = weft.run(words[2], words[3:], program=COMMAND).wait()
        self.assertEqual(again.validation_loss, losses[0])
        # Optuna itself reads the study.
        study = optuna.load_study(study_name="weft", storage="sqlite:///s.db")
        self.assertEqual(study.best_value, losses[0])

        # The same call with more trials goes on; another space or config is refused.
        more = self.tune("space.yaml", 7, pruner="none", seed=2**32 - 1)
        self.assertEqual(len(more.trials), 7)
        self.assertEqual(more.folder, result.folder)
        self.write("other.yaml", SPACE.replace("1e-1", "1e-2"))
        self.assertIn("a study of another space (optimizer.lr has changed)", self.mistake("other.yaml"))
        self.assertIn("another config (train.epochs was 2, and is 3)",
                      self.mistake(overrides=["train.epochs=3"]))
        # Another study has another folder.
        self.assertEqual(self.tune("space.yaml", 1, storage="t.db").folder, self.folder / "runs/small-tune-2")

    def test_slow_diverged_failed_and_complete(self):
        result = self.tune({"optimizer.type": {"choice": ["sgd"]}, "optimizer.lr": {"choice": [0.01, 1e9]},
                            "data.validation_split": {"choice": [0.2, 0.001]}}, 9, sampler="grid", seed=1)
        outcomes = {(trial.values["optimizer.lr"], trial.values["data.validation_split"]): trial
                    for trial in result.trials}
        self.assertEqual(len(result.trials), 4)  # the grid has no more
        good, bad = outcomes["0.01", "0.2"], outcomes["1000000000.0", "0.2"]
        self.assertEqual((good.outcome, bad.outcome, bad.loss), ("complete", "diverged", math.inf))
        self.assertIn("try a lower learning rate", bad.message)
        failed = outcomes["0.01", "0.001"]
        self.assertEqual((failed.outcome, failed.loss), ("failed", None))
        self.assertIn("at least one sample for training and one for validation", failed.message)
        self.assertIn(f"trial {failed.number} failed: {failed.message}", result.table())
        self.assertEqual([trial.outcome for trial in result.trials], ["complete", "diverged", "failed", "failed"])
        states = {trial.number: trial.state.name
                  for trial in optuna.load_study(study_name="weft", storage="sqlite:///s.db").trials}
        self.assertEqual([states[trial.number] for trial in (good, bad, failed)], ["COMPLETE", "PRUNED", "FAIL"])
        self.assertIn('"loss": "inf"', pathlib.Path("s.tune.json").read_text())

    def test_slow_bad_trials_are_pruned(self):
        space = {"optimizer.lr": {"choice": [3e-3, 1e-7]}, "train.batch_size": {"choice": [10, 20]},
                 "run.seed": {"int": [1, 5]}}
        result = self.tune(space, 20, ["train.epochs=8"], sampler="grid")
        pruned = [trial for trial in result.trials if trial.outcome == "pruned"]
        self.assertTrue(pruned, result.table())
        for trial in pruned:
            self.assertLess(len(trial.validations), 8)
            self.assertIn("stopped after", (trial.folder / "log.txt").read_text())
            self.assertTrue((trial.folder / "checkpoints/last/manifest.json").exists())
            self.assertEqual(trial.loss, trial.validations[-1][1])

    def test_a_config_without_validation_is_refused(self):
        self.assertIn("by the config, no validation samples are held out",
                      self.mistake(overrides=["data.validation_split=0"]))
        self.assertFalse(pathlib.Path("runs").exists())

    def test_mistakes_come_before_any_trial(self):
        for space, part in [({"optimizer.lrr": {"float": [1, 2]}}, "did you mean 'lr'?"),
                            ({"model.dropout": {"float": [0, 1.5]}}, "(model.dropout=1.5)"),
                            ({"optimizer.type": {"choice": ["sgd", "adamv"]}}, "(optimizer.type=adamv)"),
                            ({"run.dir": {"choice": ["a"]}}, "run.dir given; it must be left out")]:
            self.assertIn(part, self.mistake(space))
        self.assertIn("optimizer.lr is in the space and among the overrides", self.mistake(overrides=["optimizer.lr=1"]))
        for settings, part in [({"sampler": "tpf"}, "did you mean 'tpe'?"), ({"pruner": "no"}, "one of median"),
                               ({"jobs": 0}, "jobs: 0 given"), ({"trials": 0}, "trials: 0 given"),
                               ({"sampler": "grid"}, "optimizer.lr is a range without a step"),
                               ({"storage": "no/s.db"}, "does not exist"), ({"timeout": -1}, "timeout: -1 given"),
                               ({"storage": "small.yaml"}, "is no SQLite database")]:
            self.assertIn(part, self.mistake(**settings))
        lock = _study.StudyFile("s.db")
        self.assertIn("another process tunes with s.db", self.mistake())
        lock.close()
        self.assertFalse(pathlib.Path("runs").exists())

    def test_mistakes_of_the_call(self):
        for settings, sentence in [
                ({"seed": "a"}, "seed: 'a' given; an integer from 0 to 4294967295 is required"),
                ({"seed": -1}, "seed: -1 given"), ({"seed": 2**32}, "seed: 4294967296 given"),
                ({"trials": "3"}, "trials: '3' given; an integer of at least 1 is required"),
                ({"space": None}, "space: None given; a path or a dict is required"),
                ({"space": [1]}, r"space: \[1\] given"), ({"space": {"a": {"choice": {1}}}}, "space: a.choice: set given"),
                ({"storage": None}, "storage: None given; a path is required"),
                ({"timeout": "x"}, "timeout: 'x' given; seconds above 0 are required"),
                ({"overrides": ["bogus"]}, "overrides: 'bogus' given"), ({"plugins": "a.so"}, "plugins: str given"),
                ({"on_trial": 3}, "on_trial: int given; a function is required")]:
            self.assertRegex(self.mistake(**settings), f"^{sentence}")
        with self.assertRaisesRegex(weft.Error, "^config: optimizer.lr: "):
            weft.tune({"data": {"type": "digits"}, "model": {"type": "mlp"}, "optimizer": {"lr": -1}}, "space.yaml",
                      1, "s.db", program=COMMAND)
        self.assertFalse(pathlib.Path("s.db").exists())

    def test_results_that_cannot_be_written(self):
        for name in ("s.tune.json", "s.trials.csv"):
            os.mkdir(name)
            with self.assertRaisesRegex(weft.Error, f"{name} cannot be written") as raised:
                self.tune("space.yaml", 1)
            self.assertEqual(raised.exception.code, 1)
            self.assertFalse(pathlib.Path("runs").exists())
            os.rmdir(name)
        # What stands in the way later is said with the trials, which are not lost.
        with self.assertRaisesRegex(weft.Error, "s.tune.json cannot be written") as raised:
            self.tune("space.yaml", 1, on_trial=lambda _: os.mkdir("s.tune.json"))
        self.assertEqual([trial.outcome for trial in raised.exception.result.trials], ["complete"])
        self.assertFalse(pathlib.Path("s.tune.json.new").exists())

    def test_slow_a_storage_that_breaks_ends_the_tuning_in_a_sentence(self):
        def damage(_):
            with open("s.db", "r+b") as file:
                file.write(b"no database" * 10000)

        self.assertRegex(self.mistake(trials=2, on_trial=damage),
                         r"^storage: .*/s.db cannot be used \(.*\); a file of an earlier weft tune, or a new name, "
                         "is required$")
        self.assertRegex(self.mistake(storage="s.db"), "^storage: s.db is no SQLite database")
        # SQLite may not make the file longer: a disk that is full.
        code = ("import resource, weft.__main__\n"
                "size = 100_000\n"
                "resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))\n"
                "raise SystemExit(weft.__main__.main(['tune', 'small.yaml', '--space=space.yaml', '--trials=1', "
                f"'--storage=full.db', '--program={COMMAND}']))\n")
        done = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True,
                              env=os.environ | {"PYTHONPATH": str(ROOT / "python")})
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertRegex(done.stderr, r"^weft: --storage: .*/full.db cannot be used \(.*disk.*\); a disk that can be "
                                      r"written is required; .*\n$")

    def test_errors_of_a_storage(self):
        for text, code, part in [("database or disk is full", 1, "room on its disk is required"),
                                 ("database is locked", 2, "the end of the other process"),
                                 ("attempt to write a readonly database", 2, "that can be written is required"),
                                 ("database disk image is malformed", 2, "or a new name, is required")]:
            outer = optuna.exceptions.StorageInternalError("at length\n(a link)")
            outer.__cause__ = sqlalchemy.exc.OperationalError("INSERT", {}, sqlite3.OperationalError(text))
            found = _study.storage_error("s.db", outer)
            self.assertEqual((found.code, found.argument), (code, "storage"))
            self.assertRegex(str(found), f"^storage: s.db cannot be used \\({text}\\); .*{part}")

    def test_the_table_comes_before_what_could_not_be_written(self):
        full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "s.tune.json")
        output, errors = io.StringIO(), io.StringIO()
        with mock.patch.object(weft.TuneResult, "write", side_effect=full), contextlib.redirect_stdout(output), \
                contextlib.redirect_stderr(errors):
            code = __main__.main(["tune", "small.yaml", "--space=space.yaml", "--trials=1", "--storage=s.db",
                                  f"--program={COMMAND}"])
        self.assertEqual(code, 1)
        self.assertIn("best: trial 0. Next: weft train small.yaml", output.getvalue())
        self.assertRegex(errors.getvalue(), r"^weft: tune: s.tune.json cannot be written \(No space left.*\n$")


class Faults(InFolder):
    """With a program whose runs end as the file `fault` says: its exit code, and a sentence."""

    def setUp(self):
        super().setUp()
        self.write("program", "#!/bin/sh\nif [ \"$1\" = train ] && [ -e fault ]; then\n"
                              "  read code sentence <fault; echo \"weft: $sentence\" >&2; exit $code\nfi\n"
                              f"exec {shlex.quote(COMMAND)} \"$@\"\n")
        os.chmod("program", 0o755)

    def tune(self, space, trials, overrides=(), **settings):
        settings.setdefault("storage", "s.db")
        return weft.tune("small.yaml", space, trials, overrides=overrides or ["train.epochs=1"], program="./program",
                         **settings)

    def test_slow_a_folder_belongs_to_one_study(self):
        self.write("fault", "2 refused")
        first = self.tune("space.yaml", 1, storage="a.db")  # whose run has made no folder
        os.remove("fault")
        second = self.tune("space.yaml", 1, storage="b.db")
        self.assertEqual([first.folder, second.folder],
                         [self.folder / "runs/small-tune", self.folder / "runs/small-tune-2"])
        of_second = (second.folder / "tune.json").read_bytes()
        # The first one goes on where it was, and makes its folder again if it was removed.
        shutil.rmtree(first.folder)
        again = self.tune("space.yaml", 2, storage="a.db")
        self.assertEqual([again.folder, len(json.loads((again.folder / "tune.json").read_text())["trials"])],
                         [first.folder, 2])
        # What is another's by now is left alone.
        shutil.rmtree(first.folder)
        os.rename(second.folder, first.folder)
        again = self.tune("space.yaml", 3, storage="a.db")
        self.assertEqual(again.folder, self.folder / "runs/small-tune-2")
        self.assertEqual((first.folder / "tune.json").read_bytes(), of_second)
        self.assertEqual([trial.folder.parent for trial in again.trials if trial.number == 2], [again.folder])
        again.__class__(again.trials, first.folder, None, again.about, again.study).write("a.db")
        self.assertEqual((first.folder / "tune.json").read_bytes(), of_second)

    def test_slow_a_study_without_a_mark_takes_its_folder(self):
        folder = self.tune("space.yaml", 1).folder
        with contextlib.closing(sqlite3.connect("s.db")) as database, database:
            database.execute("DELETE FROM study_user_attributes WHERE key = 'id'")
        os.remove(folder / ".study")
        self.assertEqual(self.tune("space.yaml", 2).folder, folder)
        self.assertTrue((folder / ".study").exists())

    def test_a_folder_that_cannot_be_made(self):
        self.write("runs", "a file")
        self.assertRegex(self.mistake(), "^tune: .*/runs/small-tune cannot be made .*a folder for the trials is required")
        self.assertEqual(sorted(os.listdir()), ["program", "runs", "small.yaml", "space.yaml"])

    def test_slow_a_fault_of_the_machine_uses_no_trial_up(self):
        self.write("fault", "1 metrics.csv cannot be written (No space left on device)")
        for _ in range(2):
            with self.assertRaises(weft.Error) as raised:
                self.tune("space.yaml", 3)
            self.assertEqual(raised.exception.code, 1)
            self.assertRegex(str(raised.exception), r"^tune: trial 0: metrics.csv cannot be written \(No space left on "
                                                    r"device\); the same call goes on with it")
        os.remove("fault")
        result = self.tune("space.yaml", 3)
        self.assertEqual(sorted((trial.number, trial.outcome) for trial in result.trials),
                         [(0, "complete"), (1, "complete"), (2, "complete")])

    def test_slow_a_crash_and_too_little_memory_are_of_a_trial(self):
        for fault, code in [("139 a crash", 139), ("1 memory ran out; a smaller dataset, batch or model is required", 1)]:
            self.write("fault", fault)
            result = self.tune("space.yaml", 2, storage=f"{code}.db")
            self.assertEqual([(trial.outcome, trial.code) for trial in result.trials], [("failed", code)] * 2)

    def test_slow_values_without_validation(self):
        space = {"data.validation_split": {"choice": [0, 0.1]}}
        before = sorted(os.listdir())
        self.assertIn("(data.validation_split=0): no validation samples are held out", self.mistake(space))
        self.assertEqual(sorted(os.listdir()), before)
        # Where there are too many values to ask about all, the run's first event tells.
        with mock.patch.object(_tune, "_MOST_CHECKED", 0):
            result = self.tune({"data.validation_split": {"choice": [0]}}, 2, ["train.epochs=1000000"], timeout=SECONDS)
        for failed in result.trials:
            self.assertEqual((failed.outcome, failed.values, failed.code), ("failed", {"data.validation_split": "0"}, 2))
        self.assertIn("data.validation_split=0: no validation samples are held out", failed.message)

    def test_a_refusal_leaves_nothing_behind(self):
        before = sorted(os.listdir())
        found = _study.importlib.util.find_spec
        with mock.patch.object(_study.importlib.util, "find_spec",
                               side_effect=lambda name: None if name == "cmaes" else found(name)):
            self.assertIn("the package cmaes is not installed", self.mistake(sampler="cmaes"))
        with mock.patch.object(_study.Study, "_pruner", side_effect=weft.Error("late", 2)):
            self.assertEqual(self.mistake(), "late")
        self.assertIn("is a range without a step", self.mistake(sampler="grid"))
        self.assertEqual(sorted(os.listdir()), before)
        os.mkfifo("pipe.db")
        self.assertIn("pipe.db is no file", self.mistake(storage="pipe.db"))

    def test_exit_codes(self):
        def code(*outcomes):
            trials = [_tune_result.Trial(i, outcome, 1, {}, None, None, 1, (), its)
                      for i, (outcome, its) in enumerate(outcomes)]
            trials.sort(key=_tune_result._rank)
            return __main__._exit_code(weft.TuneResult(trials, self.folder, None, {}))

        complete, stopped, diverged = ("complete", None), ("stopped", None), ("diverged", 3)
        refused, crashed = ("failed", 2), ("failed", 139)
        for expected, outcomes in [(0, []), (0, [refused, complete]), (0, [refused, stopped]), (0, [stopped]),
                                   (3, [diverged, refused]), (2, [refused, refused]), (1, [refused, crashed])]:
            self.assertEqual(code(*outcomes), expected, outcomes)


class Command(InFolder):
    def command(self, *more, python=sys.executable, trials=2, space="space.yaml"):
        return [COMMAND, "tune", "small.yaml", "--space", space, "--trials", str(trials), "--storage", "s.db",
                "--python", python, *more]

    def environment(self):
        return os.environ | {"PYTHONPATH": str(ROOT / "python"), "PYTHONDONTWRITEBYTECODE": "1"}

    def run_command(self, *arguments, **settings):
        return subprocess.run(self.command(*arguments, **settings), text=True, capture_output=True,
                              env=self.environment())

    def test_slow_the_command(self):
        (self.folder / "optuna.py").write_text("raise RuntimeError('of the working directory')\n")
        done = self.run_command("train.epochs=1", "--jobs", "2", "--pruner=none")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"(?m)^trial 0 complete, validation loss [0-9.]+  optimizer.type=")
        self.assertRegex(done.stdout, r"(?m)^best: trial [01]\. Next: weft train small.yaml train.epochs=1 optimizer")
        self.assertTrue(pathlib.Path("s.tune.json").exists())

    def test_mistakes(self):
        for arguments, part in [
                (["--sampler", "x"], "weft: --sampler: 'x' given"), (["--timeout", "3x"], "a time above 0 is required, like 90s, 30m or 2h"),
                (["--trails", "3"], "--trails"), (["--timeout", "0s"], "--timeout: '0s' given"),
                (["bogus"], "weft: overrides: 'bogus' given"), (["--jobs", "0"], "--jobs: '0' given; an integer"),
                (["--seed", "-1"], "--seed: '-1' given; an integer"), (["--seed", "5000000000"], "--seed: '5000000000' given; an integer")]:
            done = self.run_command(*arguments)
            self.assertEqual((done.returncode, done.stderr.count("\n")), (2, 1), done.stderr)
            self.assertIn(part, done.stderr)
        self.assertIn("no.yaml cannot be read", self.run_command(space="no.yaml").stderr)

    def test_a_python_without_the_packages(self):
        done = self.run_command(python="/no/such/python")
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"^weft: tune: /no/such/python cannot be started \(.*\); a Python with weft and "
                                      r"optuna is required: --python FILE or \$WEFT_PYTHON\n$")
        for missing, part in [("weft", "-m pip install ./python`"), ("optuna", "-m pip install optuna`")]:
            bare = self.folder / f"without-{missing}"
            bare.write_text(f"#!/bin/sh\nexec {sys.executable} -S -E -c \"$2\"\n" if missing == "weft" else
                            f"#!/bin/sh\nexport PYTHONPATH={ROOT / 'python'}\nexec {sys.executable} -S -c \"$2\"\n")
            bare.chmod(0o755)
            done = self.run_command(python=str(bare))
            self.assertEqual((done.returncode, done.stderr.count("\n")), (2, 1), done.stderr)
            self.assertIn(f"has no package {missing}; ", done.stderr)
            self.assertIn(part, done.stderr)

    def start(self):
        process = subprocess.Popen(self.command(*LONG), text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=self.environment())
        self.addCleanup(lambda: [pipe.close() for pipe in (process.stdout, process.stderr)])
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def wait_for_epochs(self, count):
        files = [self.folder / f"runs/small-tune/trial-{i}/metrics.jsonl" for i in range(2)]
        deadline = time.monotonic() + SECONDS
        while not all(file.exists() and file.read_text().count('"epoch"') > count for file in files):
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)

    def test_slow_a_stop_and_a_kill_are_gone_on_from(self):
        process = self.start()
        self.wait_for_epochs(2)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=SECONDS)
        self.assertEqual((process.returncode, errors), (130, ""))
        self.assertRegex(output, r"(?m)^stopped; the same command goes on: weft tune small.yaml .*--storage=?.s.db")
        trials = json.loads(pathlib.Path("s.tune.json").read_text())["trials"]
        self.assertEqual([trial["outcome"] for trial in trials], ["stopped"] * 2)
        steps = [len(trial["validations"]) for trial in trials]

        killed = self.start()
        self.wait_for_epochs(max(steps) + 2)
        killed.kill()
        killed.wait()
        deadline = time.monotonic() + SECONDS
        done = None
        while done is None or "are still saving" in done.stderr:
            self.assertLess(time.monotonic(), deadline)
            done = self.run_command(*LONG)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        for trial in json.loads(pathlib.Path("s.tune.json").read_text())["trials"]:
            folder = pathlib.Path(trial["folder"])
            events = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
            losses = [[event["step"], event["validation/loss"]] for event in events if event["event"] == "epoch"]
            self.assertEqual(len(losses), 400)
            self.assertEqual((trial["outcome"], trial["validations"]), ("complete", losses))
            self.assertIn("resume: going on from", (folder / "log.txt").read_text())

    def test_slow_a_stop_by_sigterm(self):
        process = self.start()
        self.wait_for_epochs(0)
        process.send_signal(signal.SIGTERM)
        output, errors = process.communicate(timeout=SECONDS)
        self.assertEqual((process.returncode, errors), (143, ""))
        self.assertIn("stopped; the same command goes on", output)

    def test_slow_a_time_limit(self):
        done = self.run_command("train.epochs=1000000", "checkpoint.every=1000000ep", "--timeout", "1.5s", trials=1)
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)
        self.assertIn("stopped; the same command goes on", done.stdout)


if __name__ == "__main__":
    unittest.main()
