# SPDX-License-Identifier: Apache-2.0
"""A Ray of this machine, for tests. If Ray cannot be imported, by this Python or by
$WEFT_PACKAGES_PYTHON, or has no trainer of Ray Train's second version, the exit code is 77, which
skips the test."""
import os
import pathlib
import shutil
import sys
import tempfile

import other_python

ROOT = pathlib.Path(__file__).resolve().parents[2]
CPUS = 3

try:
    import ray
    from ray.train import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig
    from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer
except ImportError as missing:
    other_python.run_with("WEFT_PACKAGES_PYTHON", missing)

sys.path.insert(0, str(ROOT / "python"))
import weft  # noqa: E402, F401


class Cluster:
    """Ray's processes, and files of Ray in a folder of their own. Ray writes a token into the home
    folder, and says to others that it is used, unless it is told not to."""

    def __init__(self):
        self._folder = tempfile.mkdtemp(prefix="wray")
        os.environ.update({"HOME": self._folder, "RAY_USAGE_STATS_ENABLED": "0",
                           "PYTHONPATH": str(ROOT / "python")})
        ray.init(num_cpus=CPUS, include_dashboard=False, _temp_dir=self._folder,
                 object_store_memory=100 << 20, logging_level="ERROR")

    def fit(self, function, *, storage, workers=2, loop_config=None, failures=0):
        trainer = DataParallelTrainer(
            function, train_loop_config=loop_config,
            scaling_config=ScalingConfig(num_workers=workers, resources_per_worker={"CPU": 1}),
            run_config=RunConfig(name="run", storage_path=str(storage),
                                 checkpoint_config=CheckpointConfig(num_to_keep=None),
                                 failure_config=FailureConfig(max_failures=failures)))
        return trainer.fit()

    def close(self):
        ray.shutdown()
        shutil.rmtree(self._folder, ignore_errors=True)
