#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The logger `tensorboard`, as the real TensorBoard reads it: tensorboard_test.py WEFT_COMMAND

If tensorboard cannot be imported (by this Python or $WEFT_PACKAGES_PYTHON), the exit code is 77,
which skips the test.
"""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse
import urllib.request

import other_python
from small_run import SmallRun

try:
    from tensorboard.backend.event_processing import event_accumulator, event_file_loader
    from tensorboard.plugins.hparams import metadata as hparams
except ImportError as missing:
    other_python.run_with("WEFT_PACKAGES_PYTHON", missing)

COMMAND = sys.argv.pop() if len(sys.argv) > 1 else None
NVML = """
typedef unsigned u;
int nvmlInit_v2(void) { return 0; }
int nvmlShutdown(void) { return 0; }
int nvmlDeviceGetCount_v2(u *n) { *n = 3; return 0; }
int nvmlDeviceGetHandleByIndex_v2(u i, void **d) { *d = (void *)(long)(i + 1); return i == 1; }
int nvmlDeviceGetUtilizationRates(void *d, u *p) { p[0] = 25; p[1] = 5; return 0; }
int nvmlDeviceGetMemoryInfo(void *d, unsigned long long *m) { m[0] = 80; m[1] = 50; m[2] = 30; return 0; }
int nvmlDeviceGetPowerUsage(void *d, u *mw) { *mw = 150500; return (long)d == 3; }
"""


class TensorBoard(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.addCleanup(self.scratch.cleanup)
        self.run = SmallRun(COMMAND, self.scratch.name)

    def train(self, name, *overrides, **more):
        return self.run.train(name, "loggers=[{type: tensorboard, histograms: 5ba, system_every: 0s}]",
                              *overrides, **more)

    def read(self, name):
        everything = dict.fromkeys(("scalars", "images", "histograms", "tensors"), 0)
        reader = event_accumulator.EventAccumulator(str(self.run.path(name) / "tensorboard"), everything)
        return reader.Reload()

    def points(self, name):
        """All points in the files, without what TensorBoard drops: {tag: steps}."""
        points = {}
        for path in sorted((self.run.path(name) / "tensorboard").iterdir()):
            for event in event_file_loader.LegacyEventFileLoader(str(path)).Load():
                for value in event.summary.value:
                    points.setdefault(value.tag, []).append(event.step)
        return points

    def steps(self, name):
        """What TensorBoard shows: {tag: steps} of scalars and histograms."""
        reader, tags = self.read(name), self.read(name).Tags()
        steps = {tag: [point.step for point in reader.Scalars(tag)] for tag in tags["scalars"]}
        return steps | {tag: [point.step for point in reader.Histograms(tag)] for tag in tags["histograms"]}

    def test_shows_what_the_run_logged(self):
        self.train("run")
        reader, tags = self.read("run"), self.read("run").Tags()
        shown = {tag: [point.step for point in reader.Scalars(tag)] for tag in tags["scalars"]}
        self.assertEqual(shown, self.run.steps("run"))
        for event in self.run.events("run", "epoch"):
            point = [p for p in reader.Scalars("train/loss") if p.step == event["step"]]
            self.assertAlmostEqual(point[0].value, event["train/loss"], places=5)
            self.assertLess(abs(point[0].wall_time - time.time()), 600)
        weights = [tag for tag in tags["histograms"] if tag.startswith("weights/")]
        self.assertEqual(len(weights), 4)
        self.assertEqual(len(tags["histograms"]), 8)
        for tag in tags["histograms"]:
            histograms = reader.Histograms(tag)
            self.assertEqual([h.step for h in histograms], [0, 5, 10, 15, 20, 25, 30])
            value = histograms[0].histogram_value
            self.assertIn(value.num, (8 * 784, 8, 80, 10))
            self.assertEqual(sum(value.bucket), value.num)
        (picture,) = reader.Images("training batch")
        self.assertEqual(picture.step, 0)
        self.assertEqual(picture.encoded_image_string[:8], b"\x89PNG\r\n\x1a\n")
        self.assertEqual((picture.width, picture.height), (3 * 28 + 4, 3 * 28 + 4))
        (config,) = reader.Tensors("config")
        self.assertIn(b"    model:\n", config.tensor_proto.string_val[0])
        content = reader.SummaryMetadata(hparams.SESSION_START_INFO_TAG).plugin_data.content
        values = hparams.parse_session_start_info_plugin_data(content).hparams
        self.assertEqual(values["train.batch_size"].number_value, 8)
        self.assertEqual(values["model.type"].string_value, "mlp")
        self.assertIs(values["run.deterministic"].bool_value, False)
        content = reader.SummaryMetadata(hparams.SESSION_END_INFO_TAG).plugin_data.content
        self.assertEqual(hparams.parse_session_end_info_plugin_data(content).status, 1)

    def test_a_resumed_run_has_no_point_twice(self):
        self.train("whole", "train.epochs=4")
        self.train("parts")
        self.train("parts", "train.epochs=4", "resume=auto")
        self.assert_like_whole("parts", "whole")

    def assert_like_whole(self, name, whole):
        shown = self.steps(name)
        self.assertEqual(shown, self.steps(whole))
        self.assertEqual({tag: at for tag, at in shown.items() if tag in self.run.steps(name)},
                         self.run.steps(name))
        for tag, steps in self.points(name).items():
            if tag != "config" and not tag.startswith("_hparams_"):
                self.assertEqual(len(steps), len(set(steps)), f"{tag}: {steps}")

    def test_a_killed_run_that_is_resumed_has_no_point_twice(self):
        more = ("checkpoint.every=7ba", "train.epochs=12")
        self.train("whole", *more)
        process = subprocess.Popen(
            self.run.arguments("killed", "loggers=[{type: tensorboard, histograms: 5ba, system_every: 0s}]", *more),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        metrics = self.run.path("killed") / "metrics.jsonl"
        while process.poll() is None and (not metrics.exists() or len(metrics.read_text().splitlines()) < 60):
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
        folder = self.run.path("killed") / "tensorboard"
        if not list(self.run.path("killed").glob("checkpoints/step-*")):
            self.skipTest("killed before the first checkpoint")
        (last,) = folder.iterdir()
        with open(last, "ab") as file:  # as a kill in the middle of a write
            file.write(last.read_bytes()[:37])
        self.train("killed", "resume=auto", *more)
        self.assert_like_whole("killed", "whole")

    def test_a_logger_that_a_resume_adds_begins_there(self):
        self.run.train("run")
        self.train("run", "train.epochs=4", "resume=auto")
        self.assertEqual(self.steps("run")["epoch/lr"], [48, 64])

    def test_figures_of_the_machine_and_its_gpus(self):
        environment = {}
        compiler = shutil.which("cc")
        if compiler:
            library = pathlib.Path(self.scratch.name, "libnvidia-ml.so.1")
            subprocess.run([compiler, "-shared", "-fPIC", "-w", "-x", "c", "-", "-o", str(library)],
                           input=NVML, text=True, check=True)
            environment["LD_LIBRARY_PATH"] = self.scratch.name
        self.run.train("run", "loggers=[tensorboard]", environment=environment)
        reader = self.read("run")
        tags = {tag for tag in reader.Tags()["scalars"] if tag.startswith("system/")}
        self.assertLessEqual({"system/process/cpu", "system/process/memory_bytes",
                              "system/machine/memory_bytes"}, tags)
        self.assertEqual(self.run.events("run", "system"), [])
        if compiler:
            self.assertEqual(reader.Scalars("system/gpu0/utilization")[0].value, 0.25)
            self.assertEqual(reader.Scalars("system/gpu0/memory_bytes")[0].value, 30)
            self.assertEqual(reader.Scalars("system/gpu0/power_watts")[0].value, 150.5)
            self.assertFalse([tag for tag in tags if "gpu1" in tag])  # it cannot be opened
            self.assertNotIn("system/gpu2/power_watts", tags)         # it has no such figure
            self.assertIn("system/gpu2/utilization", tags)

    def test_of_several_ranks_the_first_alone_writes(self):
        if not pathlib.Path(COMMAND).with_name("libweft_gloo.so").exists():
            self.skipTest("this build has no Gloo")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        ranks = [subprocess.Popen(
            self.run.arguments("run", "loggers=[{type: tensorboard, histograms: 5ba}]"),
            env={**os.environ, "RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_RANK": str(rank),
                 "LOCAL_WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
                 "WEFT_DIST_TOKEN": "tensorboard"}) for rank in range(2)]
        self.assertEqual([rank.wait(120) for rank in ranks], [0, 0])
        self.assertEqual(len(list((self.run.path("run") / "tensorboard").iterdir())), 1)
        self.assertEqual([point.step for point in self.read("run").Histograms("weights/" + self.weight("run"))],
                         [0, 5, 10, 15, 20, 25, 30])

    def weight(self, name):
        tags = self.read(name).Tags()["histograms"]
        return next(tag for tag in tags if tag.startswith("weights/")).removeprefix("weights/")

    def test_the_program_serves_it(self):
        self.train("runs/first")
        self.train("runs/second", "optimizer.lr=0.01")
        self.train("runs/second", "optimizer.lr=0.01", "train.epochs=4", "resume=auto")
        for fast in ("true", "false"):
            with self.subTest(load_fast=fast), Server(self.run.path("runs"), fast) as server:
                runs = ["first/tensorboard", "second/tensorboard"]
                tags = server.wait_for("data/plugin/scalars/tags", lambda found: sorted(found) == runs)
                self.assertIn("validation/loss", tags[runs[0]])
                points = server.get("data/plugin/scalars/scalars", run=runs[1], tag="epoch/lr")
                self.assertEqual([point[1] for point in points], [16, 32, 48, 64])
                histograms = server.get("data/plugin/histograms/tags")[runs[0]]
                self.assertTrue(any(tag.startswith("gradients/") for tag in histograms), histograms)
                self.assertIn("training batch", server.get("data/plugin/images/tags")[runs[0]])
                self.assertIn("config", server.get("data/plugin/text/tags")[runs[0]])
                experiment = server.post("data/plugin/hparams/experiment", experimentName="", hparamsLimit=0)
                self.assertIn("optimizer.lr", [info["name"] for info in experiment["hparamInfos"]])
                metrics = [info["name"]["tag"] for info in experiment["metricInfos"]]
                self.assertIn("validation/loss", metrics)


class Server:
    """The program `tensorboard` on a free port."""

    def __init__(self, folder, load_fast):
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tensorboard.main", "--logdir", str(folder), "--port", "0", "--host",
             "127.0.0.1", "--load_fast", load_fast], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)

    def __enter__(self):
        for line in self._process.stderr:
            if "http://" in line:
                self._url = line[line.index("http://"):].split()[0].rstrip("/")
                return self
        raise AssertionError("tensorboard has not started")

    def __exit__(self, *_):
        self._process.kill()
        self._process.wait()
        self._process.stderr.close()

    def get(self, page, **query):
        with urllib.request.urlopen(f"{self._url}/{page}?{urllib.parse.urlencode(query)}", timeout=60) as answer:
            return json.load(answer)

    def post(self, page, **message):
        request = urllib.request.Request(f"{self._url}/{page}", json.dumps(message).encode(),
                                         {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def wait_for(self, page, holds):
        for _ in range(120):
            found = self.get(page)
            if holds(found):
                return found
            time.sleep(0.5)
        raise AssertionError(f"{page}: {found}")


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    unittest.main()
