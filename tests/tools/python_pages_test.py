#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The code on docs/python.md and docs/tuning.md: python_pages_test.py WEFT_COMMAND

If Optuna cannot be imported (by this Python or $WEFT_PACKAGES_PYTHON), the exit code is 77, which
skips the test.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import other_python

try:
    import optuna  # noqa: F401
except ImportError as missing:
    other_python.run_with("WEFT_PACKAGES_PYTHON", missing)

from weft_package import ROOT, weft

from weft import _run, _space

COMMAND = os.path.abspath(sys.argv.pop())
PAGES = {name: (ROOT / "docs" / name).read_text(encoding="utf-8") for name in ("python.md", "tuning.md")}


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGES[page], re.S | re.M)


class Pages(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        (self.folder / "configs").symlink_to(ROOT / "configs")
        (self.folder / "bin").mkdir()
        (self.folder / "bin/weft").symlink_to(COMMAND)
        self.environment = os.environ | {"PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
                                         "PYTHONPATH": str(ROOT / "python")}

    def call(self, command):
        done = subprocess.run(command, cwd=self.folder, env=self.environment, text=True, capture_output=True)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_python(self):
        found = blocks("python.md", "python")
        self.assertEqual(len(found), 3)
        outputs = [self.call([sys.executable, "-c", block]) for block in found]
        self.assertIn("complete", outputs[0])
        self.assertIn("did you mean 'lr'?", outputs[1])
        self.assertIn("saved runs/digits_mlp/", outputs[2])

    def test_tuning(self):
        (block,) = blocks("tuning.md", "python")
        self.assertIn("complete", self.call([sys.executable, "-c", block]))
        _, report = blocks("tuning.md", "sh")
        self.assertIn("report: study.html", self.call(["bash", "-c", report]))

    def test_the_space_fits_the_config_of_the_command(self):
        (space,) = blocks("tuning.md", "yaml")
        line, _ = blocks("tuning.md", "sh")
        path = self.folder / "space.yaml"
        path.write_text(space)
        config = re.search(r"configs/\S+", line)[0]
        for sample in _space.read_space(path).samples():
            _run.resolved_config(COMMAND, ROOT / config, _space.overrides_of(sample))

    def test_the_events_of_the_command(self):
        (line,) = blocks("python.md", "sh")
        self.call(["bash", "-c", line.replace("--events", "train.epochs=1 data.train_size=500 --events")])
        events = (self.folder / "events.jsonl").read_text()
        for name in re.findall(r"^\| `(begin|epoch|checkpoint|end)`", PAGES["python.md"], re.M):
            self.assertIn(f'"event":"{name}"', events)

    def test_the_options_of_the_command(self):
        shown = self.call(["weft", "tune", "--help"])
        for option in re.findall(r"^\| `(--\w+)", PAGES["tuning.md"], re.M):
            self.assertIn(option, shown)

    def test_names(self):
        for name in re.findall(r"^\| `weft\.(\w+)", PAGES["python.md"], re.M):
            self.assertTrue(hasattr(weft, name), name)


if __name__ == "__main__":
    unittest.main()
