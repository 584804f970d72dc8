#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of tools/check_learn.py and docs/learn/pictures.py: a small chapter in a tree of its own,
in which each rule is broken once. The programs of the build are shell scripts."""
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "docs/learn"))
import pictures  # noqa: E402

PROGRAM = "int main() {}\n"
PAGE = """# 1
![a line](picture.svg)
<!-- file: docs/learn/01-one/program.cpp -->
```cpp
int main() {}
```
<!-- output -->
```text
loss 0.1234  step 2
```
1. [a](exercises/exercise_1.cpp) [b](exercises/exercise_2.cpp) [c](exercises/exercise_3.cpp)
"""
PICTURE = "def draw(p):\n    p.title = 'a line'\n    p.line(0, 0, 9, 9)\n"


class Learn(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.root = Path(self.folder.name)
        self.chapter, self.build = self.root / "docs/learn/01-one", self.root / "build"
        (self.chapter / "exercises").mkdir(parents=True)
        self.build.mkdir()
        shutil.copy(ROOT / "docs/learn/pictures.py", self.root / "docs/learn")
        self.write("../README.md", "[1](01-one/README.md)\n")
        self.write("README.md", PAGE)
        self.write("program.cpp", "// SPDX-License-Identifier: Apache-2.0\n" + PROGRAM)
        self.write("picture.py", PICTURE)
        self.write("exercises/test.cpp", "")
        for i in (1, 2, 3):
            self.write(f"exercises/exercise_{i}.cpp", "// TODO\n")
            self.write(f"exercises/solution_{i}.cpp", "")
        subprocess.run([sys.executable, self.root / "docs/learn/pictures.py"], check=True)
        self.program("learn_01", "echo 'loss 0.1234  step 2'")
        self.program("learn_01_solutions", "true")
        self.program("learn_01_exercises", 'echo "exercise $1: f(1) is 0; 2 is required."; exit 1')

    def tearDown(self):
        self.folder.cleanup()

    def write(self, name, text):
        (self.chapter / name).write_text(text, encoding="utf-8")

    def program(self, name, script):
        (self.build / name).write_text(f"#!/bin/sh\n{script}\n")
        (self.build / name).chmod(0o755)

    def check(self, *arguments):
        done = subprocess.run([sys.executable, ROOT / "tools/check_learn.py", "--root", self.root, *arguments],
                              capture_output=True, text=True)
        self.assertEqual(done.stderr, "")
        return done.returncode, done.stdout

    def finds(self, words, *arguments):
        code, output = self.check(*arguments)
        self.assertEqual(code, 1, output)
        self.assertIn(words, output)

    def finds_in_run(self, words):
        self.finds(words, "--build", str(self.build))

    def test_a_good_chapter(self):
        self.assertEqual(self.check(), (0, "learn: 1 chapters, 0 errors\n"))
        self.assertEqual(self.check("--build", self.build, "01"), (0, "learn: 1 chapters, 0 errors\n"))

    def test_program(self):
        self.write("program.cpp", PROGRAM.replace("{}", "{ }"))
        self.finds("must have program.cpp once, word for word")
        self.write("program.cpp", PROGRAM + "//\n" * 60)
        self.finds("program.cpp has 61 lines; at most 60 are allowed")

    def test_page(self):
        self.write("README.md", PAGE.replace("<!-- output -->", ""))
        self.finds("must have one output block")
        self.write("README.md", PAGE.replace("picture.svg", "other.svg"))
        self.finds("must show picture.svg")
        self.write("README.md", PAGE.replace("exercise_2", "exercise_4"))
        self.finds("a link to exercises/exercise_2.cpp")
        self.write("../README.md", "")
        self.finds("docs/learn/README.md must have a link to it")

    def test_exercises(self):
        self.write("exercises/exercise_1.cpp", "")
        self.finds("exercise_1.cpp must have a TODO")
        self.write("exercises/solution_2.cpp", "// TODO")
        self.finds("solution_2.cpp must not have a TODO")
        (self.chapter / "exercises/exercise_3.cpp").unlink()
        (self.chapter / "exercises/test.cpp").unlink()
        self.finds("exercise_3.cpp is missing")
        self.finds("test.cpp is missing")

    def test_picture(self):
        self.write("picture.py", PICTURE + "    p.line(0, 9, 9, 0)\n")
        self.finds("picture.svg is not what docs/learn/pictures.py draws")
        self.write("picture.py", PICTURE + "    p.text(1, 1, 'wide')\n")
        self.finds("text 'wide' leaves the picture")

    def test_output(self):
        for printed, equal in (("loss 0.1235  step 2", True), ("loss 0.1237  step 2", False),
                               ("loss 0.1234  step 3", False), ("loss 0.1234", False),
                               ("loss 0.1234  step 2\\nmore", False)):
            self.program("learn_01", f"printf '{printed}\\n'")
            self.assertEqual(self.check("--build", self.build)[0], 0 if equal else 1, printed)
        self.program("learn_01", "echo 'loss 0.1334  step 2'")
        self.write("README.md", PAGE.replace("<!-- output -->", "<!-- output, within 0.02 -->"))
        self.assertEqual(self.check("--build", self.build)[0], 0)
        self.program("learn_01", "echo broken; exit 3")
        self.finds_in_run("program.cpp exits with 3: broken")

    def test_runs_of_exercises(self):
        self.program("learn_01_solutions", "echo exercise 2: wrong; exit 1")
        self.finds_in_run("a solution fails: exercise 2: wrong")
        self.program("learn_01_exercises", "exit 0")
        self.finds_in_run("exercise_1.cpp passes its test as it is")
        self.program("learn_01_exercises", "echo one; echo two; exit 1")
        self.finds_in_run("exercise_1.cpp must fail with one sentence")
        (self.build / "learn_01_exercises").unlink()
        self.finds_in_run("it exits with -1: is not built")

    def test_writing(self):
        self.write("README.md", PAGE.replace("int main() {}\n", "").replace("loss 0.1234  step 2\n", ""))
        self.assertEqual(self.check("--write", "--build", self.build)[0], 0)
        self.assertEqual((self.chapter / "README.md").read_text(encoding="utf-8"), PAGE)


class Pictures(unittest.TestCase):
    def refused(self, words, draw):
        picture = pictures.Picture(title="a")
        with self.assertRaisesRegex(ValueError, words):
            draw(picture)
            picture.svg()

    def test_texts_are_large_inside_apart_and_not_crossed(self):
        self.refused("17 is too small", lambda p: p.text(100, 100, "a", size=17))
        self.refused("leaves the picture", lambda p: p.text(698, 100, "wide"))
        self.refused("'b' overlaps 'a'", lambda p: (p.text(100, 100, "a"), p.text(104, 104, "b")))
        self.refused("a line runs through 'word'", lambda p: (p.text(100, 100, "word"), p.line(0, 100, 300, 100)))

    def test_numbers_are_short(self):
        self.assertEqual([pictures.number(x) for x in (1.0, 2.5, -0.001, 10, 100, -3)],
                         ["1", "2.5", "0", "10", "100", "-3"])


if __name__ == "__main__":
    unittest.main()
