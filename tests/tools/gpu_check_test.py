#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gpu-check as a whole, with stand-ins for the programs of a machine with a GPU: gpu_check_test.py
[BUILD]. With the folder of an emulated build, its tests are run too, and the emulated GPU is the
device."""
import json
import shutil
import signal
import subprocess
import sys
import time
import unittest
import zipfile
from pathlib import Path

from gpu_check_machine import ROOT, SMOKE, OnAMachine, script

BUILD = Path(sys.argv.pop(1)).resolve() if len(sys.argv) > 1 and Path(sys.argv[1]).is_dir() else None


class Goals(unittest.TestCase):
    def test_steps_are_compared_with_pytorchs_modes(self):
        sys.path.insert(0, str(ROOT / "tools/gpu_check"))
        import goals
        modes = {"eager, 2 threads": 0.5, "eager+fused, 2 threads": 0.4, "eager+fused+graph, 2 threads": 0.05}
        rows = goals.rows({"figures": {"training": [
            {"work": "mlp_b128", "weft_ms": 0.03, "peer_modes_ms": modes},
            {"work": "resnet18_b512", "weft_ms": 42.0, "peer_modes_ms": {"eager+channels_last+fused, 2 threads": 60.0}},
            {"work": "resnet18_b512", "weft_ms": 41.0, "peer_modes_ms": {"compile+max_autotune, 2 threads": 44.0}}]}})
        measured = {row["goal"]: (row["measured"], row["state"]) for row in rows if row["measured"] is not None}
        self.assertEqual(list(measured.values()), [(30.0, "met"), (13.333, "met"), (1.667, "missed"), (1.073, "missed")])


class GpuCheck(OnAMachine):
    def test_all_stages(self):
        code, output, report = self.check("--deps", "/some/folder")
        self.assertEqual(code, 0, output)
        self.assertEqual(self.states(report), dict.fromkeys(["build", "smoke", "tests", "runs", "sanitize", "figures"], "passed"))
        self.assertIn("-DCMAKE_CUDA_ARCHITECTURES=90-real", self.found(report, "build")["flags"])
        self.assertIn("-DCMAKE_PREFIX_PATH=/some/folder", self.found(report, "build")["flags"])
        self.assertEqual(self.found(report, "smoke"), dict.fromkeys(["kernel", "product", "convolution", "captured step"], "passed"))
        # Of the op rows, those of the GPU alone.
        self.assertEqual(self.found(report, "tests")["test_autograd"]["passed"], 1)
        self.assertEqual(self.found(report, "runs")["resnet18_bf16"]["most_apart"], 0)
        self.assertEqual(self.found(report, "sanitize")["memcheck"]["summary"], "0 errors")
        self.assertEqual([one["kernel"] for one in self.found(report, "figures")["kernels"]], ["relu", "softmax"])
        text = (self.output / "gpu-check.txt").read_text()
        self.assertRegex(text, r"relu, of copy bandwidth +>= 0.95 +0.96, met")
        self.assertRegex(text, r"softmax, of copy bandwidth +>= 0.95 +0.9, missed")
        self.assertRegex(text, r"MNIST to 99 %, training +<= 50 ms +60, missed")
        self.assertRegex(text, r"MLP b128, captured, a step +<= 35 us +not measured yet")
        self.assertIn("not measured", self.found(report, "figures"))
        self.assertLessEqual(len(list(self.output.iterdir())), 4)

    def test_failures_crashes_and_hangs_are_named_and_the_rest_goes_on(self):
        self.binary("test_cuda", {"A.one": "fail", "A.two": "crash", "B.three": "exit", "B.four": "hang", "B.five": "pass",
                                 "C.six": "sticky", "C.seven": "pass", "C.eight": "beside"})
        code, output, report = self.check("tests", "runs", "--quiet", "1")
        self.assertEqual(code, 1, output)
        tests = self.found(report, "tests")["test_cuda"]
        self.assertEqual({name: failure["state"] for name, failure in tests["failures"].items()},
                         {"A.one": "failed", "A.two": "crashed", "B.three": "crashed", "B.four": "hung", "C.six": "failed",
                          "C.eight": "failed"})
        self.assertEqual((tests["passed"], tests["not_run"]), (2, 0))
        self.assertIn("signal 11", tests["failures"]["A.two"]["lines"][-1])
        self.assertEqual(self.found(report, "tests")["failed, but passed when run again alone"], ["C.eight"])
        self.assertEqual(self.states(report), {"tests": "failed", "runs": "passed"})
        self.assertIn("CRASHED A.two", (self.output / "gpu-check.txt").read_text())
        with zipfile.ZipFile(self.output / "gpu-check-inputs.zip") as inputs:
            self.assertIn("test_cuda/A.one.txt", inputs.namelist())
            self.assertEqual(inputs.read("test_cuda/A.one.safetensors"), b"its inputs")

    def test_steps_are_measured_where_pytorch_is(self):
        script(self.bin / "python3", """#!/bin/sh
[ "$1" != -c ] || exit 0
case "$*" in *cnn_b64*) exit 4;; *resnet18*) exit 1;; esac
while [ "$1" != --output ]; do shift; done
echo '[{"work": "mlp_b128", "weft_ms": 0.03, "peer_modes_ms": {"eager, 2 threads": 0.5}}]' >"$2"
""")
        code, output, report = self.check("figures")
        self.assertEqual(code, 0, output)
        self.assertEqual([row["work"] for row in self.found(report, "figures")["training"]], ["mlp_b128", "mlp_b128"])
        self.assertIn("beside compile+channels_last+max_autotune: exit code 1", self.found(report, "figures")["not measured"][1])
        self.assertRegex((self.output / "gpu-check.txt").read_text(), r"MLP b128, captured, a step +<= 35 us +30, met")

    def test_no_test_at_all_and_a_binary_that_does_not_start_are_failures(self):
        self.binary("test_gpu", {})
        self.assertEqual(self.check("tests")[0], 1)
        script(self.build / "test_gpu", "#!/bin/sh\necho broken; exit 127\n")
        code, _, report = self.check("tests")
        self.assertEqual((code, self.found(report, "tests")["test_gpu"]["why_not_run"]), (1, "broken"))

    def test_a_race_that_the_sanitizer_finds_fails_its_test(self):
        self.binary("test_cuda", {"CudaSoftmax.a": "race", "CudaSoftmax.b": "pass"})
        code, _, report = self.check("sanitize")
        self.assertEqual(code, 1)
        self.assertEqual(list(self.found(report, "sanitize")["racecheck"]["failures"]), ["CudaSoftmax.a"])
        self.assertEqual(self.found(report, "sanitize")["memcheck"]["failures"], {})

    def test_losses_that_are_not_the_cpus_fail(self):
        self.weft(off=0.2)
        code, _, report = self.check("runs")
        self.assertEqual((code, self.found(report, "runs")["mnist_mlp"]["first_apart"]), (1, 0.2))
        with zipfile.ZipFile(self.output / "gpu-check-inputs.zip") as inputs:
            self.assertIn("runs/mnist_mlp.json", inputs.namelist())
        self.weft(off="nan")
        code, _, report = self.check("runs")
        self.assertEqual((code, self.found(report, "runs")["mnist_mlp"]["most_apart"]), (1, "not finite"))
        self.assertNotIn("NaN", (self.output / "gpu-check.json").read_text())
        self.weft(off=0, fails=True)
        code, _, report = self.check("runs")
        self.assertIn("weft: no memory", self.found(report, "runs")["mnist_cnn"]["error"])
        self.weft(off=0, hangs=True)
        code, _, report = self.check("runs", "--seconds", "2")
        self.assertEqual((code, self.states(report)), (1, {"runs": "cut off"}))
        self.assertTrue(self.found(report, "runs")["mnist_mlp"]["passed"])

    def test_a_stage_that_takes_too_long_is_ended(self):
        self.binary("test_cuda", {"A.one": "pass", "A.two": "hang", "A.three": "pass"})
        begin = time.monotonic()
        code, output, report = self.check("tests", "figures", "--seconds", "4")
        self.assertLess(time.monotonic() - begin, 20)
        self.assertEqual((code, self.states(report)), (1, {"tests": "cut off", "figures": "passed"}), output)
        tests = self.found(report, "tests")["test_cuda"]
        self.assertEqual((tests["passed"], tests["not_run"], tests["running_at_the_end"]), (1, 2, "A.two"))

    def cut_off_by(self, number):
        """Returns (exit code, report) of a run that gets the signal in its second stage."""
        self.binary("test_cuda", {test: "pass" for test in SMOKE["test_cuda"]} | {"Z.slow": "hang"})
        with subprocess.Popen(self.command("smoke", "tests", "runs"), env=self.environment, stdout=subprocess.DEVNULL) as process:
            end = time.monotonic() + 60
            while time.monotonic() < end:
                found = (self.report() or {}).get("stages", {}).get("tests", {}).get("found", {})
                if found.get("test_autograd", {}).get("passed"):
                    break
                time.sleep(0.05)
            time.sleep(0.3)
            process.send_signal(number)
            return process.wait(30), self.report()

    def test_a_run_that_is_told_to_end_has_told_all_until_then(self):
        code, report = self.cut_off_by(signal.SIGTERM)
        self.assertEqual((code, self.states(report)), (1, {"smoke": "passed", "tests": "cut off"}))
        self.assertEqual(self.found(report, "tests")["test_autograd"]["passed"], 1)
        self.assertEqual(self.found(report, "tests")["stopped"], "gpu-check was told to end")
        self.assertEqual(self.found(report, "tests")["test_cuda"]["failures"], {})
        self.assertTrue(report["goals"])

    def test_a_run_that_is_killed_has_told_all_until_then(self):
        code, report = self.cut_off_by(signal.SIGKILL)
        self.assertEqual((code, self.states(report)), (-9, {"smoke": "passed", "tests": "running"}))
        self.assertEqual(self.found(report, "tests")["test_autograd"]["passed"], 1)

    def test_what_cannot_begin(self):
        self.assertEqual(self.check("test")[0], 2)
        self.assertEqual(self.check("--from", str(self.folder))[0], 2)
        script(self.bin / "nvidia-smi", "#!/bin/sh\nexit 9\n")
        code, output, report = self.check()
        self.assertEqual((code, report), (2, None))
        self.assertIn("shows no GPU", output)

    def test_a_library_that_is_missing_there_is_one_sentence(self):
        script(self.build / "test_cuda", "#!/bin/sh\necho 'test_cuda: error while loading shared libraries: libcudnn.so.9: "
                                         "cannot open shared object file: No such file or directory'; exit 127\n")
        code, _, report = self.check("smoke", "tests")
        self.assertEqual((code, list(report["stages"])), (1, ["smoke"]))
        self.assertIn("cuDNN 9 is required there", self.found(report, "smoke")["stopped"])

    def test_a_pack_that_is_too_large_names_its_largest_files(self):
        done = self.pack("--limit", "0.001")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "0.001 MiB together are the limit. The largest files, in MiB: programs.tar.xz 0.0")

    def test_carried_programs_need_no_build(self):
        for name in [*SMOKE, "test_autograd", "weft"]:  # one file each travels
            path = self.build / name
            path.write_text(path.read_text().replace('sys.argv[0] + ".json"', f'"{path}.json"'))
        done = self.pack()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(sorted(path.name for path in (self.folder / "pack").iterdir()), ["data", "pack.json", "programs.tar.xz"])
        losses = json.loads((self.folder / "pack/pack.json").read_text())["cpu_losses"]
        self.assertEqual(len(losses["resnet18_bf16"]), 8)
        for name in SMOKE:
            (self.build / name).unlink()
        code, output, report = self.check("--from", str(self.folder / "pack"))
        self.assertEqual(code, 0, output)
        self.assertEqual(list(report["stages"]), ["smoke", "tests", "runs", "sanitize", "figures"])
        self.assertIn("carried, for sm_90", report["machine"]["programs"])
        script(self.bin / "nvidia-smi", '#!/bin/sh\necho "NVIDIA T, 580, 8.9, 1 MiB, 1, 1, 1, 1, 1"\n')
        code, _, report = self.check("--from", str(self.folder / "pack"))
        self.assertEqual(self.found(report, "smoke")["stopped"],
                         "the carried programs are for sm_90, and this GPU is sm_89; pack with --arch 89 is required")

    @unittest.skipUnless(BUILD, "no emulated build was given")
    def test_the_emulated_gpu_passes(self):
        shutil.rmtree(self.build)
        self.build.symlink_to(BUILD)
        shutil.copytree(ROOT / "configs", self.root / "configs")
        code, output, report = self.check("smoke", "tests", "sanitize", "--tests", "CudaArange.*", "CudaSoftmax.*",
                                          "GpuCommand.TrainsTheDigitsMlp", "softmax.cuda")
        self.assertEqual(code, 0, output)
        tests = self.found(report, "tests")
        listed = subprocess.run([BUILD / "test_cuda", "--gtest_list_tests", "--gtest_filter=CudaArange.*:CudaSoftmax.*"],
                                capture_output=True, text=True, check=True).stdout.splitlines()
        number = sum(line.startswith("  ") for line in listed)
        self.assertGreater(number, 2)
        self.assertEqual([tests[name]["passed"] for name in ("test_cuda", "test_gpu", "test_autograd")], [number, 1, 1])
        self.assertGreater(self.found(report, "sanitize")["racecheck"]["passed"], 2)


if __name__ == "__main__":
    unittest.main()
