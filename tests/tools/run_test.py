#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests ./run's set-up and exit codes, in a copy whose path has a space. Stand-ins for apt-get,
cmake, ninja and weft record how they were called."""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The programs that ./run calls. sudo is missing.
TOOLS = "bash env dirname readlink tr sed comm sort grep cat mkdir mktemp rm flock tail nproc printf".split()


class Run(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.root = Path(self.folder.name, "a clone")
        self.bin = Path(self.folder.name, "bin")
        self.calls = Path(self.folder.name, "calls")
        self.root.mkdir()
        self.bin.mkdir()
        shutil.copy(ROOT / "run", self.root)
        (self.root / "tools").mkdir()
        shutil.copy(ROOT / "tools/kernel_verbs.sh", self.root / "tools")
        for tool in TOOLS:
            if found := shutil.which(tool):
                (self.bin / tool).symlink_to(found)
        self.stub("dpkg-query", 'for p; do case $p in -*) ;; *) echo "installed $p";; esac; done')
        self.stub("cmake", 'for preset in cpu emulated dev; do mkdir -p build/$preset; : >build/$preset/build.ninja; '
                           'echo CMAKE_HOME_DIRECTORY:INTERNAL="$PWD" >build/$preset/CMakeCache.txt; done')
        self.stub("ninja", "exit 0")
        self.stub("apt-get", "exit 0")
        self.stub("id", "echo 0")

    def tearDown(self):
        self.folder.cleanup()

    def stub(self, name, script, path=None):
        path = path or self.bin / name
        assert not path.is_symlink(), f"{path} leads to a tool of this machine"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'#!/bin/bash\necho {name} "$@" >>"{self.calls}"\n{script}\n')
        path.chmod(0o755)

    def run_script(self, *arguments, cwd="/"):
        done = subprocess.run([self.root / "run", *arguments], cwd=cwd, text=True, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env={"PATH": str(self.bin), "HOME": "/"})
        self.output = done.stdout
        return done.returncode

    def called(self):
        return self.calls.read_text() if self.calls.exists() else ""

    def test_help_and_unknown_verb(self):
        self.assertEqual(self.run_script("help"), 0)
        self.assertIn("train CONFIG", self.output)
        self.assertEqual(self.run_script("no-such-verb"), 2)
        self.assertIn("'no-such-verb' is not a verb", self.output)

    def test_nothing_missing_is_quiet_and_configures_once(self):
        self.assertEqual(self.run_script("build"), 0)
        self.assertEqual(self.run_script("build"), 0)
        self.assertEqual(self.output, "")
        self.assertEqual(self.called().count("cmake -"), 1)
        self.assertNotIn("apt-get", self.called())

    def test_missing_packages_are_named_and_installed(self):
        self.stub("dpkg-query", "echo installed g++")
        self.assertEqual(self.run_script("build"), 0, self.output)
        self.assertIn("installing cmake libcli11-dev", self.output)
        self.assertRegex(self.called(), r"apt-get -y .*install --no-install-recommends cmake libcli11-dev")
        self.assertNotRegex(self.called(), r"apt-get .*g\+\+")

    def test_a_failing_install_shows_its_last_lines(self):
        self.stub("dpkg-query", "exit 1")
        self.stub("apt-get", 'case "$*" in *install*) echo E: no network; exit 100;; esac')
        self.assertEqual(self.run_script("build"), 2)
        self.assertIn("E: no network", self.output)

    def test_without_root_the_line_to_type_is_printed(self):
        self.stub("id", "echo 1000")
        self.stub("dpkg-query", "exit 1")
        self.assertEqual(self.run_script("build"), 2)
        self.assertIn("apt-get install -y --no-install-recommends cmake g++", self.output)
        self.assertNotIn("apt-get", self.called())
        self.assertEqual(self.run_script("build", "--no-install"), 0, self.output)

    def test_deps_folder_installs_nothing_and_is_remembered(self):
        self.stub("dpkg-query", "exit 1")
        deps = Path(self.folder.name, "my deps")
        deps.mkdir()
        self.assertEqual(self.run_script("--deps", str(deps), "build"), 0, self.output)
        self.assertEqual(self.run_script("build"), 0, self.output)
        self.assertIn(f"-DCMAKE_PREFIX_PATH={deps}", self.called())
        self.assertEqual(self.called().count("cmake -"), 1)
        self.assertEqual(self.run_script("--deps", "/no/such/folder", "build"), 2)

    def test_a_failed_build_shows_the_error(self):
        self.stub("ninja", "echo 'a.cpp:1:1: error: no such thing'; exit 1")
        self.assertEqual(self.run_script("build"), 1)
        self.assertIn("a.cpp:1:1: error: no such thing", self.output)

    def test_a_failed_configure_shows_the_error(self):
        self.stub("cmake", "echo 'weft: fmt was not found'; exit 1")
        self.assertEqual(self.run_script("build"), 1)
        self.assertIn("weft: fmt was not found", self.output)

    def test_a_build_has_tests_where_one_is_named_and_in_dev(self):
        self.assertEqual(self.run_script("build", "weft_app"), 0, self.output)
        self.assertNotIn("-DWEFT_TESTS=ON", self.called())
        self.assertEqual(self.run_script("build", "test_nn"), 0, self.output)
        self.assertEqual(self.called().count("--preset cpu -DWEFT_TESTS=ON"), 1)
        self.assertEqual(self.run_script("--preset", "dev", "build", "weft"), 0, self.output)
        self.assertEqual(self.called().count("--preset dev -DWEFT_TESTS=ON"), 1)

    def test_fuzzing_takes_clang_and_builds_one_target(self):
        self.stub("cmake", "mkdir -p build/fuzz; : >build/fuzz/build.ninja")
        self.stub("python3", "exit 1")
        self.assertEqual(self.run_script("fuzz", "png", "--short"), 2, self.output)
        self.assertIn("clang++-14 is not installed", self.output)
        self.stub("clang++-14", "exit 0")
        self.assertEqual(self.run_script("fuzz", "png", "--short"), 1, self.output)
        self.assertRegex(self.called(), r"cmake .*--preset fuzz")
        self.assertRegex(self.called(), r"ninja -C .*build/fuzz -j \d+ weft_fuzz")
        self.assertRegex(self.called(), r"python3 .*tools/fuzz.py .*build/fuzz/weft_fuzz png --short")

    def test_the_exit_code_of_weft_goes_through(self):
        self.stub("weft", "pwd; exit 3", self.root / "build/cpu/weft")
        self.assertEqual(self.run_script("weft", "list", "a b", cwd="/tmp"), 3)
        self.assertIn("weft list a b", self.called())
        self.assertEqual(self.output.splitlines()[-1], "/tmp")

    def test_a_config_of_the_clone_is_found_from_elsewhere(self):
        self.stub("weft", "exit 0", self.root / "build/cpu/weft")
        (self.root / "configs").mkdir()
        (self.root / "configs/a.yaml").touch()
        self.assertEqual(self.run_script("train", "configs/a.yaml", "train.epochs=1"), 0)
        self.assertIn(f"weft train {self.root}/configs/a.yaml train.epochs=1", self.called())

    def learn(self, *arguments):
        chapter = self.root / "docs/learn/02-tape"
        chapter.mkdir(parents=True, exist_ok=True)
        (chapter / "program.cpp").touch()
        return self.run_script("learn", *arguments)

    def test_learn_lists_the_chapters_and_refuses_others(self):
        self.assertEqual(self.learn(), 0, self.output)
        self.assertIn("  02-tape\n", self.output)
        for arguments, words in ((["2"], "'2' is not a chapter"), (["03"], "'03' is not a chapter"),
                                 (["02", "exercise"], "'exercise' is not understood"),
                                 (["02", "exercise", "4"], "'exercise 4' is not understood")):
            self.assertEqual(self.learn(*arguments), 2, self.output)
            self.assertIn(words, self.output)
        self.assertEqual(self.called(), "")

    def test_learn_runs_a_program_in_the_build(self):
        self.stub("learn_02", "pwd", self.root / "build/cpu/learn_02")
        self.assertEqual(self.learn("02"), 0, self.output)
        self.assertRegex(self.called(), r"ninja -C .*build/cpu -j \d+ learn_02\n")
        self.assertNotIn("-DWEFT_TESTS=ON", self.called())
        self.assertEqual(self.output.splitlines()[-1], str(self.root.resolve() / "build/cpu/learn/02"))

    def test_learn_tests_one_exercise(self):
        self.stub("learn_02_exercises", "echo exercise 3: wrong.; exit 1", self.root / "build/cpu/learn_02_exercises")
        self.assertEqual(self.learn("02", "exercise", "3"), 1, self.output)
        self.assertIn("exercise 3: wrong.", self.output)
        self.assertRegex(self.called(), r"ninja -C .*build/cpu -j \d+ learn_02_exercises\nlearn_02_exercises 3\n")

    def take_tools(self):
        """Copies the tools, with the Python that they need and a stand-in for nvcc."""
        shutil.copytree(ROOT / "tools", self.root / "tools", dirs_exist_ok=True)
        (self.root / "kernels").mkdir(exist_ok=True)
        (self.root / "kernels/softmax_cuda.cu").touch()
        (self.bin / "python3").symlink_to(os.path.realpath(sys.executable))
        self.stub("nvcc", "exit 0")

    def test_a_usage_is_printed_and_nothing_else_is_done(self):
        self.take_tools()
        self.stub("dpkg-query", "exit 1")
        for arguments, words in ((["kernel-info", "--help"], "usage: ./run kernel-info"),
                                 (["kernel-info", "--all", "--help"], "usage: ./run kernel-info --all"),
                                 (["kernel-info", "--jobs", "2", "-h", "--all"], "usage: ./run kernel-info --all"),
                                 (["gpu-plans", "--short", "--help"], "usage: ./run gpu-plans [--short]"),
                                 (["gpu-check", "--help"], "usage: ./run gpu-check"),
                                 (["gpu-check", "pack", "--help"], "usage: ./run gpu-check pack"),
                                 (["gpu-check", "pack-deps", "--help"], "usage: ./run gpu-check pack-deps"),
                                 (["torture-kernels", "--help"], "--short"), (["torture", "--help"], "--short"),
                                 (["fuzz", "--help"], "--seconds")):
            with self.subTest(arguments):
                self.assertEqual(self.run_script(*arguments, cwd=self.folder.name), 0, self.output)
                self.assertIn(words, self.output)
                self.assertEqual(self.called(), "")
        self.assertFalse((self.root / "build").exists())
        self.assertFalse(Path(self.folder.name, "--help").exists())

    def test_wrong_arguments_are_refused_before_anything_is_done(self):
        self.take_tools()
        full = Path(self.folder.name, "full")
        full.mkdir()
        (full / "file").touch()
        for arguments, words in (
                (["kernel-info"], "the name of an op or --all is required"),
                (["kernel-info", "sofmax"], "no kernels/sofmax_cuda.cu; known: softmax"),
                (["kernel-info", "softmax", "--built"], "--built is an option of ./run kernel-info --all"),
                (["kernel-info", "--archs", "80"], "--archs is an option of ./run kernel-info --all"),
                (["kernel-info", "/softmax"], "'/softmax' given; the name of an op, like softmax, is required"),
                (["kernel-info", "**"], "'**' given; the name of an op"),
                (["kernel-info", "soft*"], "'soft*' given; the name of an op"),
                (["kernel-info", "--all", "--archs", ""], "--archs '': a list of 75, 80"),
                (["kernel-info", "--all", "--bild"], "unrecognized arguments: --bild"),
                (["kernel-info", "--all", "--archs", "70"], "--archs 70: a list of 75, 80"),
                (["kernel-info", "--jobs", "0", "--all"], "--jobs 0: a number from 1 is required"),
                (["gpu-plans", "--shrt"], "gpu-plans: '--shrt' is not understood; --short is the only option"),
                (["torture-kernels", "all"], "torture-kernels: 'all' is not understood"),
                (["gpu-check", "pack"], "the following arguments are required: DIR"),
                (["gpu-check", "pack", str(full)], "full is not an empty folder"),
                (["gpu-check", "pack", "new", "--data", "typo"], "--data: typo is not a folder"),
                (["gpu-check", "pack", "new", "--arch", "90a"], "--arch: '90a' given; a compute capability"),
                (["gpu-check", "pack-deps"], "gpu-check pack-deps: one folder, new or empty, is required"),
                (["gpu-check", "pack-deps", "--into"], "gpu-check pack-deps: one folder, new or empty, is required"),
                (["gpu-check", "pack-deps", "a", "b"], "gpu-check pack-deps: one folder, new or empty, is required"),
                (["build", "--preset"], "--preset: the name of a preset of CMakePresets.json is required")):
            with self.subTest(arguments):
                self.assertEqual(self.run_script(*arguments, cwd=self.folder.name), 2, self.output)
                self.assertIn(words, self.output)
                self.assertNotRegex(self.output, r"line \d+:|Traceback")
                self.assertEqual(self.called(), "")

    def test_the_built_objects_are_read_without_configuring(self):
        self.take_tools()
        for arguments in (["--all", "--built"], ["--built", "--all"]):
            self.assertEqual(self.run_script("kernel-info", *arguments), 2)
            self.assertRegex(self.output, r"build/cuda/compile_commands.json is not there; cmake --preset cuda writes it")
        self.assertEqual(self.called(), "")

    def test_ctest_closes_the_output_and_its_exit_code_goes_through(self):
        self.stub("ctest", "printf '1/1 Test #1: core\\n50%% tests passed, 1 tests failed out of 2\\nlast\\n'\n"
                           f"mkdir -p '{self.root}/build/emulated/test-results'\n"
                           "printf '<testcase name=\"B\" result=\"completed\" classname=\"A\">\\n"
                           "<testcase name=\"C\" result=\"skipped\" classname=\"A\">\\n"
                           "<skipped message=\"x.cpp:1&#x0A;no torch\">\\n'"
                           f" >'{self.root}/build/emulated/test-results/core.xml'\nexit 8")
        self.assertEqual(self.run_script("test", "-L", "quick"), 8, self.output)
        self.assertIn("-L quick", self.called())
        self.assertIn("1 cases ran, 1 were skipped\n  skipped A.C: no torch", self.output)
        self.assertTrue(self.output.endswith("50% tests passed, 1 tests failed out of 2\nlast\n"), self.output)


if __name__ == "__main__":
    unittest.main()
