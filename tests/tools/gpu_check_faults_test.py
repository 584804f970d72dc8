#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What gpu-check does with wrong arguments, damaged packs, short time, and programs that fail
outside their tests. The programs are stand-ins: gpu_check_faults_test.py [BUILD]. With the folder
of an emulated build, the patterns of the sanitizers' tests are compared with its tests."""
import signal
import subprocess
import sys
import time
import unittest
from fnmatch import fnmatch
from pathlib import Path

from gpu_check_machine import ROOT, OnAMachine, script

BUILD = Path(sys.argv.pop(1)).resolve() if len(sys.argv) > 1 and Path(sys.argv[1]).is_dir() else None
sys.path.insert(0, str(ROOT / "tools/gpu_check"))
import goals  # noqa: E402
import report  # noqa: E402
import stages  # noqa: E402


class Parts(unittest.TestCase):
    def test_a_goal_that_was_run_for_and_not_reached_is_missed(self):
        def of(runs):
            return [(row["measured"], row["state"]) for row in goals.rows({"runs": runs})[-2:]]

        self.assertEqual(of({}), [(None, "not measured yet")] * 2)
        self.assertEqual(of({"mnist to 99 %": {"milliseconds": None}, "cifar to 94 %": {"test_accuracy": 0.9}}),
                         [("no accuracy reached", "missed"), ("only 90 % reached", "missed")])
        self.assertEqual(of({"mnist to 99 %": {"milliseconds": None, "validation_accuracy": [0.98, None, 0.985]}})[0],
                         ("only 98.5 % reached", "missed"))
        self.assertEqual(of({"mnist to 99 %": {"passed": False, "error": "no memory"}, "cifar to 94 %": {"seconds": 1.4}}),
                         [(None, "not measured yet"), (1.4, "met")])

    def test_a_long_text_loses_its_middle(self):
        self.assertEqual(report.cut("abcdefgh", 4), "ab\n[4 characters are left out]\ngh")
        self.assertEqual(report.cut("abcdefgh", 5), "ab\n[3 characters are left out]\nfgh")
        self.assertEqual(report.cut("abcdefgh", 0), "\n[8 characters are left out]\n")
        self.assertEqual(report.cut("abcd", 4), "abcd")

    @unittest.skipUnless(BUILD, "no emulated build was given")
    def test_each_pattern_for_the_sanitizers_has_a_test(self):
        import gtest
        names, why = gtest.tests_of(BUILD / "test_cuda", time.monotonic() + 60)
        self.assertGreater(len(names), 100, why)
        for pattern in [*stages.SHARED, *(name for _, binary, name in stages.SMOKE if binary == "test_cuda")]:
            self.assertTrue(any(fnmatch(name, pattern) for name in names), pattern)


class OutsideTests(OnAMachine):
    def failures(self, stage, key):
        code, output, found = self.check(stage, "--quiet", "1")
        self.assertEqual((code, self.states(found)), (1, {stage: "failed"}), output)
        result = self.found(found, stage)[key]
        self.assertEqual(result["failed"], len(result["failures"]))
        return result["failures"]

    def test_a_binary_that_fails_at_its_end_is_named(self):
        for what, state, last in (("crash later", "crashed", "signal 11"), ("exit later", "failed", "code 3"),
                                  ("hang later", "hung", "printed nothing for 1 s")):
            with self.subTest(what):
                self.binary("test_cuda", {"A.one": what, "A.two": "pass"})
                failures = self.failures("tests", "test_cuda")
                self.assertEqual({name: one["state"] for name, one in failures.items()}, {"test_cuda, outside its tests": state})
                self.assertIn(last, failures["test_cuda, outside its tests"]["lines"][-1])

    def test_a_code_that_a_failed_test_explains_is_no_other_failure(self):
        self.binary("test_cuda", {"A.one": "fail", "A.two": "pass"})
        self.assertEqual(list(self.failures("tests", "test_cuda")), ["A.one"])
        self.binary("test_cuda", {"A.one": "fail", "A.two": "crash later"})
        self.assertEqual(list(self.failures("tests", "test_cuda")), ["A.one", "test_cuda, outside its tests"])

    def test_a_smoke_test_whose_binary_crashes_at_its_end_fails(self):
        self.binary("test_gpu", {"GpuCapture.AHundredStepsAreThoseOfOpByOp": "crash later"})
        self.assertEqual(self.failures("smoke", "captured step")["test_gpu, outside its tests"]["state"], "crashed")

    def sanitizer(self, end):
        script(self.bin / "compute-sanitizer", f'#!/bin/sh\ntool=$2; shift 4; "$@" || exit\n{end}\n')

    def test_what_the_sanitizer_says_after_the_last_test_is_a_failure(self):
        self.sanitizer('echo "========= Invalid __global__ write of size 4 bytes"; echo "========= ERROR SUMMARY: 1 error"; exit 9')
        failures = self.failures("sanitize", "memcheck")
        self.assertIn("========= Invalid __global__ write of size 4 bytes", failures["test_cuda, outside its tests"]["lines"])

    def test_a_summary_with_errors_is_a_failure_without_a_code(self):
        for summary in ("ERROR SUMMARY: 1 error", "RACECHECK SUMMARY: 2 hazards displayed (2 errors, 0 warnings)"):
            self.sanitizer(f'echo "========= {summary}"')
            self.assertEqual(list(self.failures("sanitize", "racecheck")), ["compute-sanitizer"])


class Time(OnAMachine):
    def test_a_python_that_does_not_come_back_is_ended_with_its_stage(self):
        script(self.bin / "python3", "#!/bin/sh\ncase \"$*\" in *torch*) sleep 20;; esac\nexit 1\n")
        begin = time.monotonic()
        code, output, found = self.check("figures", "--seconds", "3")
        self.assertLess(time.monotonic() - begin, 12)
        self.assertEqual(self.found(found, "figures")["not measured"][-1], "training beside PyTorch: out of time")

    def test_what_a_goal_names_is_measured_first(self):
        script(self.bin / "python3", "#!/bin/sh\n[ \"$1\" != -c ] || exit 0\nexit 1\n")
        found = self.check("figures", "runs")[2]
        order = [line.split(":")[0] for line in self.found(found, "figures")["not measured"][1:]]
        self.assertEqual(order, ["mlp_b128 beside eager, eager+fused, eager+fused+graph",
                                 "resnet18_b512 beside compile+channels_last+max_autotune",
                                 "resnet18_b512 beside eager+channels_last+fused, eager+channels_last+fused+graph",
                                 "mlp_b128 beside compile",
                                 "cnn_b64 beside eager+fused, eager+fused+graph, eager+channels_last+fused, "
                                 "eager+channels_last+fused+graph, compile+channels_last"])
        self.assertEqual(list(self.found(found, "runs"))[3:], ["mnist to 99 %", "cifar to 94 %", "mnist_mlp, whole", "mnist_cnn, whole"])

    def test_a_run_that_is_told_to_end_before_its_first_stage_says_so(self):
        script(self.bin / "nvidia-smi", "#!/bin/sh\necho >looked\nexec sleep 20\n")
        with subprocess.Popen(self.command("smoke"), env=self.environment, cwd=self.folder, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, text=True) as process:
            while not (self.folder / "looked").exists():
                time.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            errors = process.communicate(timeout=30)[1]
        self.assertEqual((process.returncode, errors), (1, ""))
        self.assertEqual(self.states(self.report()), {"smoke": "cut off"})
        self.assertIn("gpu-check was told to end", (self.output / "gpu-check.txt").read_text())


class Arguments(OnAMachine):
    def refused(self, words, *arguments):
        code, output, found = self.check(*arguments)
        self.assertEqual((code, found), (2, None), output)
        self.assertRegex(output, words)
        self.assertNotIn("Traceback", output)

    def test_what_is_wrong_is_refused_before_anything_is_done(self):
        for option in ("--within", "--seconds", "--quiet"):
            for value in ("nan", "inf", "-5", "0"):
                self.refused(f"^gpu-check: {option} {value}: a number of seconds above 0", "smoke", option, value)
        for words in (["test"], [""], ["tests"]):
            self.refused("--tests: '.*' given; patterns of names of tests", "--tests", *words)
        self.output.write_text("")
        self.assertIn("out is not a folder and cannot become one", self.check("smoke")[1])
        self.output.unlink()
        (self.output / "gpu-check.log").mkdir(parents=True)
        self.refused("--output: .*gpu-check.log cannot be written", "smoke")
        self.output = Path("/proc/x")
        self.refused("--output: /proc/x is not a folder and cannot become one", "smoke")

    def test_data_that_is_not_there_is_refused(self):
        self.data = self.folder / "typo"
        self.refused("--data: .*/typo is not a folder", "runs")
        done = self.pack()
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, "--data: .*/typo is not a folder")

    def test_a_stage_is_run_once_and_is_no_pattern(self):
        code, output, found = self.check("smoke", "smoke")
        self.assertEqual((code, self.states(found)), (0, {"smoke": "passed"}), output)
        code, output, found = self.check("--tests", "softmax.*", "tests")
        self.assertEqual((code, self.states(found)), (0, {"tests": "passed"}), output)
        self.assertEqual(list(self.found(found, "tests")), ["test_dist", "test_autograd"])

    def test_patterns_that_match_no_test_are_said(self):
        code, _, found = self.check("tests", "sanitize", "--tests", "Nothing.*")
        self.assertEqual((code, self.states(found)), (1, {"tests": "failed", "sanitize": "skipped"}))
        self.assertEqual(self.found(found, "tests")["not run"], "no test matches --tests Nothing.*")
        self.assertEqual(self.found(found, "sanitize")["not run"], "no test matches --tests Nothing.* in test_cuda")


class Packs(OnAMachine):
    def test_what_cannot_work_is_refused_before_the_build(self):
        for words, *arguments in (
                ("--arch: '90a' given; .* required: 75, 80", "--arch", "90a"), ("--arch: '12' given", "--arch", "12"),
                ("--arch: '999' given", "--arch", "999"), ("--limit nan: a number of MiB above 0", "--limit", "nan"),
                ("--limit -3: a number of MiB above 0", "--limit", "-3")):
            done = self.pack(*arguments)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertRegex(done.stderr, words)
        (self.folder / "file").touch()
        for folder in ("/proc/x", self.folder / "file/x"):
            done = self.pack(to=folder)
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertRegex(done.stderr, "x cannot be made")
        self.assertEqual(self.pack("--check-arguments", to=self.folder / "a/b").returncode, 0)
        self.assertFalse((self.folder / "a").exists())

    def test_a_build_for_another_gpu_is_refused(self):
        cache = self.build / "CMakeCache.txt"
        for line, words in (("CMAKE_CUDA_ARCHITECTURES:STRING=80-real;90-virtual", "is built for 80; one for --arch 90"),
                            ("WEFT_CUDA:STRING=OFF", "is no build for a GPU")):
            cache.write_text(f"A:B=1\n{line}\n")
            done = self.pack()
            self.assertEqual(done.returncode, 2, done.stderr)
            self.assertIn(words, done.stderr)
        for line in ("CMAKE_CUDA_ARCHITECTURES:STRING=80-real;90-real", "CMAKE_CUDA_ARCHITECTURES:UNINITIALIZED=native"):
            cache.write_text(f"{line}\n")
            self.assertEqual(self.pack("--check-arguments").returncode, 0)

    def test_a_damaged_pack_is_one_sentence(self):
        self.assertEqual(self.pack().returncode, 0)
        file = self.folder / "pack/programs.tar.xz"
        content = bytearray(file.read_bytes())
        content[len(content) // 2:len(content) // 2 + 64] = bytes(64)
        file.write_bytes(content)
        code, output, _ = self.check("--from", self.folder / "pack")
        self.assertEqual((code, "Traceback" in output), (2, False), output)
        self.assertIn("has no programs that can be unpacked", output)
        (self.folder / "pack/pack.json").write_text("[]")
        code, output, _ = self.check("--from", self.folder / "pack")
        self.assertEqual((code, "Traceback" in output), (2, False), output)

    def test_a_pack_that_is_told_to_end_leaves_nothing(self):
        temporary = self.folder / "tmp"
        temporary.mkdir()
        self.environment["TMPDIR"] = str(temporary)
        script(self.build / "weft", "#!/bin/sh\nexec sleep 20\n")
        with subprocess.Popen(self.pack_command(), env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              text=True) as process:
            process.stdout.readline()  # the CPU's losses have begun
            (self.folder / "pack/part").touch()
            process.send_signal(signal.SIGTERM)
            errors = process.communicate(timeout=30)[1]
        self.assertEqual((process.returncode, errors), (143, ""))
        self.assertEqual([*temporary.iterdir(), *(self.folder / "pack").iterdir()], [])


if __name__ == "__main__":
    unittest.main()
