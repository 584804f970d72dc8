#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Two ranks that a launcher has started equal one process: launchers_test.py WEFT_COMMAND LAUNCHER

LAUNCHER is mpirun (Open MPI), torchrun (python3-torch), ray, or srun, which is imitated by its
variables. The exit code is 77, which skips the test, where the launcher is not installed: mpirun in
the path, PyTorch or Ray for /usr/bin/python3, this Python, $WEFT_PYTHON or $WEFT_PACKAGES_PYTHON.
"""
import json
import math
import os
import pathlib
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest

LAUNCHER = sys.argv.pop()
COMMAND = os.path.abspath(sys.argv.pop())
HERE = pathlib.Path(__file__).resolve().parent
CONFIG = HERE.parents[1] / "configs/digits_mlp.yaml"
RANKS = 2
SECONDS = 120
OVERRIDES = ["train.epochs=2", "data.train_size=1000", "data.test_size=203", "train.batch_size=63",
             "run.threads=1", "run.device=cpu"]
TIMES = ("seconds", "samples_per_second")
TOLERANCE = 1e-5
# What a launcher around this test has set.
VARIABLES = {name: value for name, value in os.environ.items()
             if not re.match("RANK$|WORLD_SIZE$|LOCAL_|MASTER_|OMPI_|PMI|SLURM_|TORCHELASTIC_|WEFT_DIST", name)}

RAY = """
import sys
sys.path.insert(0, sys.argv[1])
from ray_cluster import Cluster, weft
cluster = Cluster()
try:
    result = cluster.fit(weft.ray.train_func(sys.argv[3], sys.argv[5:], program=sys.argv[2]),
                         storage=sys.argv[4])
    assert result.metrics["epoch"] == 2 and "test/loss" in result.metrics, result.metrics
    with result.checkpoint.as_directory() as folder:
        assert any(name.endswith(".weight") for name in weft.load(folder + "/model.safetensors"))
finally:
    cluster.close()
"""


def skip(why):
    print(f"launchers_test.py {LAUNCHER}: skipped, {why}")
    sys.exit(77)


def python_with(module):
    named = [os.environ.get(name) for name in ("WEFT_PYTHON", "WEFT_PACKAGES_PYTHON")]
    for python in dict.fromkeys(["/usr/bin/python3", sys.executable, *named]):
        if python and shutil.which(python) and subprocess.run(
                [python, "-c", f"import {module}"], capture_output=True).returncode == 0:
            return python
    return skip(f"no Python has {module}")


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def mpirun(train, folder):
    if not shutil.which("mpirun"):
        skip("mpirun is not installed (openmpi-bin)")
    return [["mpirun", "--allow-run-as-root", "--oversubscribe", "-np", str(RANKS), *train]], {}


def torchrun(train, folder):
    # With Python 3.11, PyTorch 1.13 fails on the defaults of -r and -t. These are for a ninth rank.
    python = python_with("torch.distributed.run")
    return [[python, "-m", "torch.distributed.run", "-r", "9:1", "-t", "9:1", "--no_python",
             f"--nproc_per_node={RANKS}", f"--master_port={free_port()}", *train]], {}


def srun(train, folder):
    job = {"SLURM_JOB_ID": str(os.getpid()), "SLURM_STEP_ID": "0", "SLURM_STEP_NODELIST": "localhost",
           "SLURM_STEP_NUM_TASKS": str(RANKS), "SLURM_NTASKS": str(RANKS)}
    return [["env", f"SLURM_PROCID={rank}", f"SLURM_LOCALID={rank}", *train] for rank in range(RANKS)], job


def ray(train, folder):
    return [[python_with("ray.train"), "-c", RAY, str(HERE), train[0], train[2],
             str(folder / "ray"), *train[3:]]], {}


def train_by(launcher, folder):
    """Trains in `folder`/run; returns what was printed."""
    train = [COMMAND, "train", str(CONFIG), f"run.dir={folder / 'run'}", *OVERRIDES]
    commands, variables = launcher(train, folder) if launcher else ([train], {})
    started = [subprocess.Popen(command, env=VARIABLES | variables, text=True, cwd=folder,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT) for command in commands]
    output = ""
    try:
        for process in started:
            output += process.communicate(timeout=SECONDS)[0]
    finally:
        for process in started:
            process.kill()
            process.wait()
    if codes := [process.returncode for process in started if process.returncode]:
        raise AssertionError(f"{launcher}: exit codes {codes}\n{output}")
    return output


def events_of(folder):
    lines = (folder / "run/metrics.jsonl").read_text().splitlines()
    return [{key: value for key, value in json.loads(line).items() if key not in TIMES} for line in lines]


class Launchers(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.alone, self.ranks = (pathlib.Path(folder.name, name) for name in ("alone", "ranks"))
        self.alone.mkdir()
        self.ranks.mkdir()

    def test_ranks_equal_one_process(self):
        train_by(None, self.alone)
        output = train_by(globals()[LAUNCHER], self.ranks)
        folders = [path.parent for path in self.ranks.rglob("metrics.jsonl")]
        self.assertEqual(folders, [self.ranks / "run"])
        files = {path.name for path in folders[0].iterdir()}
        self.assertEqual(files, {path.name for path in (self.alone / "run").iterdir()})
        if LAUNCHER != "ray":  # which takes the lines of workers as a log
            self.assertEqual(output.count("run folder:"), 1, output)
        alone, ranks = events_of(self.alone), events_of(self.ranks)
        self.assertEqual([event["event"] for event in ranks], ["epoch", "epoch", "test"])
        for one, many in zip(alone, ranks):
            self.assertEqual(one.keys(), many.keys())
            for key, value in one.items():
                same = value == many[key] if not isinstance(value, float) else \
                    math.isclose(value, many[key], rel_tol=TOLERANCE, abs_tol=TOLERANCE)
                self.assertTrue(same, f"{key}: {many[key]}, and {value} of one process")

    @unittest.skipUnless(LAUNCHER == "srun", "sbatch is SLURM's")
    def test_variables_of_sbatch_alone_start_no_ranks(self):
        batch = {"SLURM_JOB_ID": "7", "SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NTASKS": "2"}
        train_by(lambda train, folder: ([train], batch), self.alone)
        self.assertEqual(len(events_of(self.alone)), 3)


if __name__ == "__main__":
    if LAUNCHER == "ray":
        python_with("ray.train")  # skips before the tests begin
    unittest.main()
