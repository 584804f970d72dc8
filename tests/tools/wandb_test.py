#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The logger `wandb`: with the real package, offline, and with bridges that end, hang or are not
there: wandb_test.py WEFT_COMMAND

If wandb cannot be imported (by this Python or $WEFT_PACKAGES_PYTHON), the exit code is 77, which
skips the test.
"""
import json
import os
import pathlib
import re
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

import other_python
from small_run import SmallRun

try:
    import wandb  # noqa: F401
    from wandb.proto import wandb_internal_pb2
except ImportError as missing:
    other_python.run_with("WEFT_PACKAGES_PYTHON", missing)

COMMAND = sys.argv.pop() if len(sys.argv) > 1 else None
OFFLINE = "loggers=[{type: wandb, mode: offline, project: small, system_every: 0s}]"


def records(path):
    """The records of an offline run, by kind. The file is a log of LevelDB with a longer header."""
    block, header, found, part = 32768, 7, {}, b""
    data, at = path.read_bytes(), header
    while at + header <= len(data):
        if block - at % block < header:
            at += block - at % block
            continue
        _, size, kind = struct.unpack_from("<IHB", data, at)
        part += data[at + header:at + header + size]
        at += header + size
        if kind in (1, 4):  # whole, or the last part
            record = wandb_internal_pb2.Record.FromString(part)
            part, name = b"", record.WhichOneof("record_type")
            found.setdefault(name, []).append(getattr(record, name))
    return found


def items(entries):
    return {entry.key or "/".join(entry.nested_key): json.loads(entry.value_json) for entry in entries}


class Wandb(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.addCleanup(self.scratch.cleanup)
        self.run = SmallRun(COMMAND, self.scratch.name)
        self.environment = {"WEFT_PYTHON": sys.executable, "HOME": self.scratch.name}

    def offline_runs(self, name):
        return [records(path) for path in sorted(self.run.path(name).glob("wandb/offline-run-*/*.wandb"))]

    def stub(self, text):
        path = pathlib.Path(self.scratch.name, "stub")
        path.write_text("#!/bin/sh\n" + text)
        path.chmod(0o755)
        return f"loggers=[{{type: wandb, mode: offline, timeout: 2, python: {path}}}]"

    def history(self, run):
        """{tag: {step: value}}"""
        history = {}
        for row in run["history"]:
            row = items(row.item)
            for tag, value in row.items():
                if not tag.startswith("_"):
                    history.setdefault(tag, {})[row["_step"]] = value
        return history

    def test_an_offline_run_has_what_was_logged(self):
        output = self.run.train("run", OFFLINE.replace("offline,", "offline, name: mine, upload: true,"),
                                environment=self.environment)
        self.assertNotIn("wandb", output.lower().replace("logger 'wandb'", "WARNING"))
        (run,) = self.offline_runs("run")
        history = self.history(run)
        self.assertEqual({tag: sorted(points) for tag, points in history.items()}, self.run.steps("run"))
        for event in self.run.events("run", "epoch"):
            self.assertEqual(history["train/loss"][event["step"]], event["train/loss"])
        self.assertEqual((run["run"][0].project, run["run"][0].display_name), ("small", "mine"))
        config = items(run["run"][0].config.update)
        self.assertEqual(config["train.batch_size"], 8)
        self.assertEqual(config["model.type"], "mlp")
        self.assertIs(config["run.deterministic"], False)
        summary = {}
        for update in run["summary"]:
            summary.update(items(update.update))
        self.assertEqual(summary["steps"], 32)
        files = {file.path for record in run["files"] for file in record.files}
        self.assertIn("config.yaml", files)
        self.assertTrue([path for path in files if path.endswith("/model.safetensors")], files)
        self.assertEqual(run["exit"][0].exit_code, 0)

    def test_times_are_those_of_the_events(self):
        # The bridge begins two seconds late.
        python = pathlib.Path(self.scratch.name, "late")
        python.write_text(f'#!/bin/sh\nsleep 2\nexec {sys.executable} "$@"\n')
        python.chmod(0o755)
        begin = time.time()
        self.run.train("run", OFFLINE.replace("offline,", f"offline, python: {python},"),
                       environment=self.environment)
        (run,) = self.offline_runs("run")
        times = [items(row.item)["_timestamp"] for row in run["history"]]
        self.assertEqual(times, sorted(times))
        seconds = self.run.events("run", "epoch")[-1]["seconds"]
        self.assertGreaterEqual(times[0], begin)
        self.assertLess(times[-1] - times[0], seconds + 1)
        self.assertLess(times[0], run["run"][0].start_time.ToSeconds())

    def test_a_resumed_run_is_the_same_one(self):
        self.run.train("run", OFFLINE, environment=self.environment)
        self.run.train("run", OFFLINE, "train.epochs=4", "resume=auto", environment=self.environment)
        first, second = self.offline_runs("run")
        self.assertEqual(first["run"][0].run_id, second["run"][0].run_id)
        self.assertEqual(sorted(self.history(second)["epoch/lr"]), [48, 64])
        self.run.train("fork", OFFLINE, "train.epochs=3", f"resume={self.run.path('run')}",
                       environment=self.environment)
        (fork,) = self.offline_runs("fork")
        self.assertNotEqual(fork["run"][0].run_id, first["run"][0].run_id)

    def test_a_run_that_failed_is_a_failed_one(self):
        self.run.train("run", OFFLINE, "optimizer={type: sgd, lr: 1e30}", environment=self.environment, code=3)
        (run,) = self.offline_runs("run")
        self.assertEqual(run["exit"][0].exit_code, 1)

    def test_ctrl_c_ends_the_run_and_not_the_bridge(self):
        process = subprocess.Popen(
            self.run.arguments("run", OFFLINE, "train.epochs=1000000"), start_new_session=True,
            env={**os.environ, **self.environment}, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for _ in range(600):
            if self.offline_runs("run") and self.offline_runs("run")[0].get("run"):
                break
            time.sleep(0.1)
        os.killpg(process.pid, signal.SIGINT)
        output, _ = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 130, output)
        self.assertNotIn("logger 'wandb'", output)
        (run,) = self.offline_runs("run")
        self.assertEqual(run["exit"][0].exit_code, 0)
        last = self.run.events("run")[-1]["step"]
        self.assertGreaterEqual(max(self.history(run)["epoch/lr"], default=0), min(last, 16))

    def assert_unharmed(self, option, warning, most_seconds=60, **environment):
        """A run with this logger is as one without, but for one warning with this text."""
        self.run.train("plain")
        start = time.monotonic()
        output = self.run.train("run", option, environment={"WEFT_PYTHON": "", **environment})
        self.assertLess(time.monotonic() - start, most_seconds)
        steps = [{key: value for key, value in event.items() if "second" not in key}
                 for event in self.run.events("plain")]
        self.assertEqual([{key: value for key, value in event.items() if "second" not in key}
                          for event in self.run.events("run")], steps)
        warnings = re.findall(r"warning: (logger 'wandb'.*)", output)
        self.assertIn(warning, "\n".join(warnings))
        return warnings

    def test_an_interpreter_that_is_missing_is_a_warning(self):
        said = self.assert_unharmed("loggers=[{type: wandb, python: /no/python}]",
                                    "/no/python cannot be started (No such file or directory); an interpreter")
        self.assertEqual(len(said), 1)

    def test_a_package_that_is_missing_is_a_warning(self):
        (pathlib.Path(self.scratch.name) / "wandb.py").write_text("raise ImportError('no ink')\n")
        said = self.assert_unharmed("loggers=[wandb]", "-m pip install wandb`",
                                    PYTHONPATH=self.scratch.name, WEFT_PYTHON=sys.executable)
        self.assertEqual(len(said), 1)

    def test_a_login_that_is_missing_is_a_warning(self):
        said = self.assert_unharmed("loggers=[{type: wandb, mode: online, timeout: 40}]",
                                    "wandb.init() failed", WEFT_PYTHON=sys.executable, HOME=self.scratch.name,
                                    WANDB_API_KEY="", WANDB_BASE_URL="http://127.0.0.1:9")
        self.assertEqual(len(said), 1)

    def test_a_bridge_that_ends_is_a_warning(self):
        said = self.assert_unharmed(self.stub("echo no ink >&2; exit 3\n"), "the bridge has ended by exit code 3")
        self.assertEqual(len(said), 1)
        self.assertIn("no ink", said[0])

    def test_a_bridge_that_is_killed_is_a_warning(self):
        self.assert_unharmed(self.stub("read line; echo ok; kill -9 $$\n"), "the bridge has ended by signal 9")

    def test_a_bridge_that_hangs_is_ended(self):
        said = self.assert_unharmed(self.stub("trap '' TERM; while :; do sleep 1; done\n"),
                                    "did not finish within 2 s and was ended", most_seconds=30)
        self.assertIn("has not answered for 2 s", said[0])

    def test_disabled_starts_nothing(self):
        self.run.train("run", "loggers=[{type: wandb, mode: disabled, python: /no/python}]")
        self.assertFalse(self.run.path("run").joinpath("wandb").exists())


if __name__ == "__main__":
    unittest.main()
