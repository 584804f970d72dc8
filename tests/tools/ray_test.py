#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""weft.ray under Ray Train, with a stand-in for the command (fake_weft.py): ray_test.py

If Ray cannot be imported (by this Python or $WEFT_PACKAGES_PYTHON), the exit code is 77, which
skips the test. launchers_test.py trains with the command itself under Ray.
"""
import json
import pathlib
import tempfile
import unittest

from ray_cluster import Cluster, weft

PROGRAM = str(pathlib.Path(__file__).with_name("fake_weft.py"))


class Ray(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster()
        cls.addClassCleanup(cls.cluster.close)

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def fit(self, config, overrides=(), loop_config=None, **settings):
        function = weft.ray.train_func(config, overrides, program=PROGRAM)
        return self.cluster.fit(function, storage=self.folder / "ray", loop_config=loop_config,
                                **settings)

    def run_folder(self):
        return self.folder / "run"

    def test_all_workers_report_each_epoch_with_its_checkpoint(self):
        result = self.fit({"run": {"dir": str(self.run_folder())}}, loop_config={"train.epochs": 3})
        self.assertEqual(result.metrics["epoch"], 3)
        self.assertEqual(result.metrics["test/loss"], 0.5)  # beside those of the last epoch
        self.assertAlmostEqual(result.metrics["train/loss"], 1 / 3)
        self.assertEqual(result.return_value, result.metrics)
        with result.checkpoint.as_directory() as folder:
            self.assertEqual(pathlib.Path(folder, "model.safetensors").read_text(), "30")
        reports = [(checkpoint.path, metrics) for checkpoint, metrics in result.best_checkpoints]
        self.assertEqual([metrics["step"] for _, metrics in reports], [10, 20, 30, 30])
        for path, metrics in reports:
            self.assertEqual(pathlib.Path(path, "model.safetensors").read_text(), str(metrics["step"]))
        ranks = json.loads((self.run_folder() / "environment.json").read_text())
        self.assertEqual(ranks, {"RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0", "LOCAL_WORLD_SIZE": "2"})

    def test_a_failed_rank_ends_all_and_ray_goes_on(self):
        # A config in a file. The first start fails in the third epoch; the second goes on there.
        config = self.folder / "digits.yaml"
        config.write_text('{"train": {"epochs": 4}}')
        overrides = [f"run.dir={self.run_folder()}", "fake.fail_rank=1", "fake.fail_epoch=3",
                     f"fake.once={self.folder / 'once'}"]
        result = self.fit(config, overrides, failures=1)
        self.assertIsNone(result.error)
        self.assertEqual(result.metrics["epoch"], 4)
        events = [json.loads(line) for line in (self.run_folder() / "metrics.jsonl").read_text().splitlines()]
        self.assertEqual([event.get("epoch") for event in events], [1, 2, 3, 4, None])
        steps = [metrics["step"] for _, metrics in result.best_checkpoints]
        # Each epoch at most once: Ray may end the workers before it has the report of the second.
        self.assertIn(steps, ([10, 20, 30, 40, 40], [10, 30, 40, 40]))


if __name__ == "__main__":
    unittest.main()
