#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a worker of weft.ray does, without Ray.

If numpy cannot be imported (by this Python or $WEFT_PYTHON), the exit code is 77, which skips the
test.
"""
import json
import os
import pathlib
import pickle
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from weft_package import weft

from weft import _follow, _leash

SECONDS = 30  # for anything that is waited for
CHILD = "import os, signal, sys, time; {}; print(os.getpid(), flush=True); time.sleep(60)"


def is_there(pid):
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return text.rsplit(")", 1)[1].split()[0] != "Z"


class Leash(unittest.TestCase):
    def start(self, command, grace=20.0):
        process = subprocess.Popen([sys.executable, "-I", _leash.__file__, str(grace), *command],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        self.addCleanup(lambda: [pipe.close() for pipe in (process.stdin, process.stdout, process.stderr)])
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def start_child(self, prepare="pass", grace=20.0):
        process = self.start([sys.executable, "-c", CHILD.format(prepare)], grace)
        return process, int(process.stdout.readline())

    def wait_until_gone(self, pid):
        deadline = time.monotonic() + SECONDS
        while is_there(pid):
            self.assertLess(time.monotonic(), deadline, f"{pid} is still there")
            time.sleep(0.02)

    def test_exit_codes(self):
        for code, expected in [("sys.exit(0)", 0), ("sys.exit(3)", 3), ("os.abort()", 134)]:
            process = self.start([sys.executable, "-c", f"import os, sys; {code}"])
            self.assertEqual(process.wait(SECONDS), expected)
        process = self.start(["/no/such/command"])
        self.assertEqual(process.wait(SECONDS), 127)
        self.assertIn("/no/such/command cannot be started", process.stderr.read())

    def test_the_end_of_input_asks_the_command_to_stop(self):
        process, child = self.start_child("signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))")
        process.stdin.close()
        self.assertEqual(process.wait(SECONDS), 7)
        self.assertFalse(is_there(child))

    def test_a_command_that_does_not_stop_is_killed(self):
        process, child = self.start_child("signal.signal(signal.SIGTERM, signal.SIG_IGN)", grace=0.3)
        process.stdin.close()
        self.assertEqual(process.wait(SECONDS), 128 + signal.SIGKILL)
        self.assertFalse(is_there(child))

    def test_nothing_outlives_a_killed_worker(self):
        worker = ("import subprocess, sys, time\n"
                  "subprocess.Popen([sys.executable, '-I', *sys.argv[1:]], stdin=subprocess.PIPE)\n"
                  "time.sleep(60)\n")
        process = subprocess.Popen([sys.executable, "-c", worker, _leash.__file__, "20", sys.executable,
                                    "-c", CHILD.format("pass")], stdout=subprocess.PIPE, text=True)
        child = int(process.stdout.readline())
        process.kill()
        process.wait()
        process.stdout.close()
        self.wait_until_gone(child)

    @unittest.skipUnless(sys.platform == "linux", "the signal of a lost parent is Linux's")
    def test_nothing_outlives_a_killed_leash(self):
        process, child = self.start_child()
        process.kill()
        self.wait_until_gone(child)


class RunFolder(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.metrics = self.folder / "metrics.jsonl"

    def write(self, *epochs, mode="a", seconds=1):
        with open(self.metrics, mode) as file:
            for epoch in epochs:
                file.write(json.dumps({"event": "epoch", "epoch": epoch, "seconds": seconds},
                                      separators=(",", ":")) + "\n")

    def epochs(self, events):
        return [event["epoch"] for event in events.new()]

    def test_events_come_once_and_whole(self):
        events = _follow.Events(self.metrics)
        self.assertEqual(self.epochs(events), [])
        self.write(1, 2)
        self.assertEqual(self.epochs(events), [1, 2])
        self.assertEqual(self.epochs(events), [])
        with open(self.metrics, "a") as file:
            file.write('{"event":"step"}\n{"event":"epoch","epo')
            file.flush()
            self.assertEqual(self.epochs(events), [])
            file.write('ch":3}\n')
        self.assertEqual(self.epochs(events), [3])

    def test_a_resumed_run_cuts_the_file(self):
        self.write(1, 2, 3)
        events = _follow.Events(self.metrics)  # those three are of the run before
        self.assertEqual(self.epochs(events), [])
        text = self.metrics.read_text().splitlines(keepends=True)
        self.metrics.write_text(text[0])
        self.assertEqual(self.epochs(events), [])
        self.write(2, seconds=2)
        self.assertEqual(self.epochs(events), [2])
        # Cut and written again between two looks, to more bytes than before.
        self.metrics.write_text(text[0])
        self.write(2, 3, 4, seconds=30)
        self.assertEqual(self.epochs(events), [2, 3, 4])

    def test_checkpoints(self):
        self.assertEqual(_follow.newest_checkpoint(self.folder / "none"), (-1, None))
        for name in ["step-9", "step-10", "step-10-2", ".step-11", "last", "step-12x"]:
            (self.folder / name).mkdir()
        step, path = _follow.newest_checkpoint(self.folder)
        self.assertEqual((step, path.name), (10, "step-10-2"))
        self.assertEqual(_follow.newest_checkpoint(self.folder, at_most=9)[0], 9)
        copy = self.folder / "copy"
        self.assertFalse(_follow.copy_of_checkpoint(path, copy))  # it is being deleted
        self.assertFalse(copy.exists())
        (path / "manifest.json").write_text("{}")
        self.assertTrue(_follow.copy_of_checkpoint(path, copy))
        self.assertEqual([file.name for file in copy.iterdir()], ["manifest.json"])
        self.assertFalse(_follow.copy_of_checkpoint(self.folder / "step-1", self.folder / "copy2"))


class Command(unittest.TestCase):
    def start(self, code, grace=20):
        command = weft.ray._Command([sys.executable, "-c", code], grace=grace, environment=os.environ,
                                    folder="/")
        self.addCleanup(command.stop)
        return command

    def code_of(self, command):
        deadline = time.monotonic() + SECONDS
        while command.code() is None:
            self.assertLess(time.monotonic(), deadline)
            time.sleep(0.02)
        return command.code()

    def test_the_error_has_the_end_of_standard_error(self):
        command = self.start("import sys; [print(i, file=sys.stderr) for i in range(30)]; sys.exit(3)")
        code = self.code_of(command)
        failed = weft.ray.Failed(1, code, command.lines())
        self.assertEqual(str(failed), "rank 1: weft train ended with exit code 3\n"
                         + "".join(f"{i}\n" for i in range(10, 30)))
        again = pickle.loads(pickle.dumps(failed))  # Ray sends it
        self.assertEqual((str(again), again.code), (str(failed), 3))

    def test_stop(self):
        command = self.start("import time; time.sleep(60)")
        self.assertIsNone(command.code())
        command.stop()
        self.assertEqual(command.code(), 128 + signal.SIGTERM)
        command.stop()


class Arguments(unittest.TestCase):
    def test_overrides(self):
        for bad in (["train.epochs"], [3]):
            with self.assertRaisesRegex(ValueError, "texts such as 'train.epochs=3' are required"):
                weft.ray.train_func("a.yaml", bad)
        for value, text in [(0.01, "a=0.01"), (True, "a=true"), (None, "a=null"), ("1ep", "a=1ep"),
                            ([32, 16], "a=[32, 16]")]:
            self.assertEqual(weft.ray._override("a", value), text)

    def test_the_environment_of_a_rank(self):
        start = {"address": "10.0.0.1", "port": 5000, "token": "t"}
        before = dict(os.environ)
        self.addCleanup(lambda: (os.environ.clear(), os.environ.update(before)))
        os.environ.update({"SLURM_STEP_ID": "0", "TORCHELASTIC_USE_AGENT_STORE": "True", "KEPT": "1"})
        os.environ.pop("CUDA_VISIBLE_DEVICES", None)
        self.assertNotIn("CUDA_VISIBLE_DEVICES", weft.ray._environment(start, 7, 8, 3, 4))
        for devices, kept in [("", ""), ("5", "5"), ("6,7", "6"), ("0,1,2,3", "0,1,2,3")]:
            os.environ["CUDA_VISIBLE_DEVICES"] = devices
            found = weft.ray._environment(start, 7, 8, 3, 4)
            self.assertEqual(found["CUDA_VISIBLE_DEVICES"], kept)
        self.assertEqual([found[name] for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE",
                                                   "MASTER_ADDR", "MASTER_PORT", "KEPT")],
                         ["7", "8", "3", "4", "10.0.0.1", "5000", "1"])
        self.assertNotIn("SLURM_STEP_ID", found)
        self.assertNotIn("TORCHELASTIC_USE_AGENT_STORE", found)


if __name__ == "__main__":
    unittest.main()
