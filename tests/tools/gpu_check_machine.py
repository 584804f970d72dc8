# SPDX-License-Identifier: Apache-2.0
"""Stand-ins for the programs of a machine with a GPU, for the tests of gpu-check."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

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
if "crash later" in tests.values(): os.kill(os.getpid(), signal.SIGSEGV)
if "exit later" in tests.values(): os._exit(3)
if "hang later" in tests.values(): time.sleep(600)
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


class OnAMachine(unittest.TestCase):
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

    def pack_command(self, *arguments, to=None):
        for file in self.build.glob("*.json"):  # the stand-ins read these beside them
            shutil.copy(file, self.bin / file.name)
        return [sys.executable, self.root / "tools/gpu_check/pack.py", self.root, to or self.folder / "pack", "--build", self.build,
                "--data", self.data, *arguments]

    def pack(self, *arguments, to=None):
        return subprocess.run(self.pack_command(*arguments, to=to), capture_output=True, text=True, env=self.environment)
