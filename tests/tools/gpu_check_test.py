#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""gpu-check as a whole, with stand-ins for the programs of a machine with a GPU: gpu_check_test.py
[BUILD]. With the folder of an emulated build, its tests are run too, and the emulated GPU is the
device."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(sys.argv.pop(1)).resolve() if len(sys.argv) > 1 and Path(sys.argv[1]).is_dir() else None

# Behaves like a binary of tests. Beside it, NAME.json has {test: what happens}.
TESTS = f"""#!{sys.executable}
import json, os, signal, sys, time
tests = json.load(open(sys.argv[0] + ".json"))
if "--gtest_list_tests" in sys.argv:
    for name in tests:
        print(name.split(".")[0] + ".\\n  " + name.split(".")[1])
    raise SystemExit
wanted = next(a for a in sys.argv if a.startswith("--gtest_filter=")).split("=")[1].split(":")
failed = broken = False
for name in [name for name in tests if name in wanted]:
    what = tests[name]
    print("[ RUN      ] " + name, flush=True)
    if what == "crash": os.kill(os.getpid(), signal.SIGSEGV)
    if what == "exit": os._exit(3)
    if what == "hang": time.sleep(600)
    if what == "slow": time.sleep(0.3)
    if what == "race" and os.environ.get("SANITIZER") == "racecheck":
        print("========= Error: Race reported between Write access and Read access")
    if what == "sticky" or broken:
        broken = True
        print("softmax: an illegal memory access was encountered")
    if what == "fail":
        open(os.environ["WEFT_FAILURES"] + "/" + name + ".safetensors", "w").write("its inputs")
    bad = broken or what == "fail" or (what == "beside" and len(wanted) > 1)
    failed |= bad
    print(f"[{{'  FAILED  ' if bad else '       OK '}}] {{name}} (1 ms)", flush=True)
raise SystemExit(failed)
"""
# Behaves like `weft train`. Beside it, weft.json has {"off": relative error on the GPU}.
WEFT = f"""#!{sys.executable}
import json, os, sys, time
about = json.load(open(sys.argv[0] + ".json"))
keys = dict(a.split("=", 1) for a in sys.argv[3:])
os.makedirs(keys["run.dir"])
if about.get("hangs") and "mnist_cnn" in sys.argv[2]: time.sleep(600)
if about.get("fails") and keys["run.device"] == "cuda": raise SystemExit("weft: no memory")
off = 1 + (float(about["off"]) if keys["run.device"] == "cuda" else 0)
events = [{{"event": "step", "loss": off * (2.3 - 0.1 * step)}} for step in range(8)]
events += [{{"event": "epoch", "samples": 60000 * (e + 1), "samples_per_second": 2e6, "validation/accuracy": 0.97 + 0.02 * e}}
           for e in range(2)]
events += [{{"event": "test", "test/accuracy": 0.992}}]
open(keys["run.dir"] + "/metrics.jsonl", "w").write("".join(json.dumps(e) + "\\n" for e in events))
"""
SANITIZER = f"""#!/bin/sh
echo "========= COMPUTE-SANITIZER"
tool=$2; shift 4
SANITIZER=$tool "$@"; code=$?
echo "========= ERROR SUMMARY: 0 errors"
exit $code
"""
KERNELS = """#!/bin/sh
echo '{"kernel": "relu", "GB/s": 3000.0, "ratio": 0.96, "low": 0.9, "high": 1.0}'
echo '{"kernel": "add", "GB/s": inf}'
echo '{"kernel": "softmax", "GB/s": 3000.0, "ratio": 0.90, "low": 0.9, "high": 1.0}'
"""
SMOKE = {"test_cuda": ["CudaElementwise.relu", "CudaMatmul.ProductBiasAndActivation", "CudaConv2d.ForwardAndGradients"],
         "test_gpu": ["GpuCapture.AHundredStepsAreThoseOfOpByOp"]}


def script(path, text):
    path.write_text(text)
    path.chmod(0o755)


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


class GpuCheck(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.root, self.bin = self.folder / "a clone", self.folder / "bin"
        self.build, self.data = self.root / "build/cuda", self.folder / "data"
        shutil.copytree(ROOT / "tools/gpu_check", self.root / "tools/gpu_check")
        for path in (self.bin, self.build, self.data / "mnist"):
            path.mkdir(parents=True)
        (self.data / "mnist/train-images-idx3-ubyte.gz").write_bytes(b"x" * 1000)
        script(self.bin / "nvidia-smi", '#!/bin/sh\necho "NVIDIA T, 580, 9.0, 1 MiB, 1, 1, 1, 1, 1"\n')
        script(self.bin / "compute-sanitizer", SANITIZER)
        for name in ("nvcc", "ninja"):
            script(self.bin / name, "#!/bin/sh\nexit 0\n")
        script(self.bin / "cmake", '#!/bin/sh\necho "$@" >>cmake-calls\n')
        for name, tests in SMOKE.items():
            self.binary(name, {test: "pass" for test in tests})
        self.binary("test_autograd", {"softmax.value": "fail", "softmax.cuda": "pass"})
        self.weft(off=0)
        script(self.build / "kernel_bench", KERNELS)
        script(self.build / "weft_bench", "#!/bin/sh\nexit 3\n")
        self.output = self.folder / "out"
        self.environment = {**os.environ, "PATH": f"{self.bin}:{os.environ['PATH']}"}
        self.environment.pop("WEFT_DATA_DIR", None)

    def binary(self, name, tests):
        script(self.build / name, TESTS)
        (self.build / f"{name}.json").write_text(json.dumps(tests))

    def weft(self, **about):
        script(self.build / "weft", WEFT)
        (self.build / "weft.json").write_text(json.dumps(about))

    def command(self, *arguments):
        return [sys.executable, self.root / "tools/gpu_check", self.root, *arguments, "--output", self.output,
                "--data", self.data]

    def check(self, *arguments):
        done = subprocess.run(self.command(*arguments), capture_output=True, text=True, env=self.environment, timeout=120)
        return done.returncode, done.stdout + done.stderr, self.report()

    def report(self):
        file = self.output / "gpu-check.json"
        return json.loads(file.read_text()) if file.exists() else None

    def states(self, report):
        return {name: stage["state"] for name, stage in report["stages"].items()}

    def found(self, report, stage):
        return report["stages"][stage]["found"]

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
        self.assertEqual([row["work"] for row in self.found(report, "figures")["training"]], ["mlp_b128"])
        self.assertIn("beside compile+channels_last+max_autotune: exit code 1", self.found(report, "figures")["not measured"][-1])
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

    def pack(self, *arguments):
        for file in self.build.glob("*.json"):  # the stand-ins read these beside them
            shutil.copy(file, self.bin / file.name)
        return subprocess.run([sys.executable, self.root / "tools/gpu_check/pack.py", self.root, self.folder / "pack", "--build",
                               self.build, "--data", self.data, *arguments], capture_output=True, text=True, env=self.environment)

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
