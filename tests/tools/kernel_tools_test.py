#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests the tools of kernel authors: new-op, op, kernel-info, and gpu-check with stand-ins for the
GPU's tools."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def call(root, tool, *arguments, **environment):
    done = subprocess.run([sys.executable, root / "tools" / tool, *arguments], capture_output=True, text=True,
                          env={**os.environ, **environment})
    return done.returncode, done.stdout, done.stderr


class InACopy(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.root = Path(self.folder.name, "a clone")
        for folder in ("tools", "kernels", "tensor", "autograd", "tests/autograd", "tests/cuda"):
            shutil.copytree(ROOT / folder, self.root / folder)

    def tearDown(self):
        self.folder.cleanup()


class NewOp(InACopy):
    def test_writes_its_files_and_declarations(self):
        code, output, _ = call(self.root, "new_op.py", "unit_rows")
        self.assertEqual(code, 0)
        for path in ("kernels/unit_rows.h", "kernels/unit_rows_cpu.cpp", "kernels/unit_rows_cuda.cu", "tensor/unit_rows.cpp",
                     "autograd/unit_rows.cpp", "tests/autograd/unit_rows_test.cpp", "tests/cuda/unit_rows_test.cpp"):
            self.assertIn(path + "\n", output)
            text = (self.root / path).read_text()
            self.assertIn("unit_rows", text)
            self.assertNotIn("@", text)
        self.assertIn("Variable unit_rows(const Variable& x);\n\n}", (self.root / "autograd/ops.h").read_text())
        self.assertEqual(call(self.root, "op_tests.py", "unit_rows")[1].splitlines(),
                         ["unit_rows.*:unit_rows_*.*", "CudaUnitRows.*", "tests/autograd/unit_rows_test.cpp",
                          "tests/cuda/unit_rows_test.cpp", "kernels/unit_rows_cpu.cpp", "kernels/unit_rows_cuda.cu"])

    def test_a_name_that_is_taken_or_none(self):
        for name, said in (("softmax", "exists already"), ("relu", "another name"), ("Unit", "snake_case"), ("../x", "snake")):
            before = sorted(self.root.rglob("*"))
            code, _, error = call(self.root, "new_op.py", name)
            self.assertEqual((code, name in error, said in error), (2, True, True), error)
            self.assertEqual(sorted(self.root.rglob("*")), before)


class OpTests(unittest.TestCase):
    def test_finds_rows_and_kernels(self):
        self.assertEqual(call(ROOT, "op_tests.py", "softmax")[1].splitlines(),
                         ["log_softmax.*:log_softmax_*.*:softmax.*:softmax_*.*", "CudaSoftmax.*",
                          "tests/autograd/softmax_test.cpp", "tests/cuda/softmax_test.cpp",
                          "kernels/softmax_cpu.cpp", "kernels/softmax_cuda.cu"])
        self.assertEqual(call(ROOT, "op_tests.py", "gelu")[1].splitlines()[:2], ["gelu.*:gelu_*.*", "CudaElementwise.*"])

    def test_sources_are_those_of_the_headers_that_are_included(self):
        lines = call(ROOT, "op_tests.py", "conv2d")[1].splitlines()
        for needed in ("kernels/library/matmul_cpu.cpp", "kernels/library/onednn_conv2d.cpp", "kernels/reduce_cuda.cu"):
            self.assertIn(needed, lines)
        self.assertNotIn("kernels/softmax_cpu.cpp", lines)

    def test_an_unknown_op(self):
        code, _, error = call(ROOT, "op_tests.py", "sofmax")
        self.assertEqual(code, 2)
        self.assertIn("known: abs,", error)


class KernelInfo(InACopy):
    REPORT = """ptxas info    : Compiling entry function '_ZN4weft1kEPf' for 'sm_90'
ptxas info    : Function properties for _ZN4weft1kEPf
    24 bytes stack frame, 20 bytes spill stores, 32 bytes spill loads
ptxas info    : Used 48 registers, used 1 barriers, 64 bytes smem, 392 bytes cmem[0]
"""

    def test_reads_ptxas(self):
        nvcc = self.root / "nvcc"
        nvcc.write_text(f"#!/bin/sh\ncat <<'EOF'\n{self.REPORT}EOF\n")
        nvcc.chmod(0o755)
        command = f"ccache '{nvcc}' -c '{self.root}/kernels/softmax_cuda.cu' -o x.o"
        (self.root / "compile_commands.json").write_text(json.dumps(
            [{"file": str(self.root / "kernels/softmax_cuda.cu"), "command": command, "directory": str(self.root)}]))
        file = self.root / "info.json"
        code, output, error = call(self.root, "kernel_info.py", str(self.root), "softmax", "--json", str(file))
        self.assertEqual(code, 0, error)
        row = json.loads(file.read_text())[0]
        self.assertEqual({key: row[key] for key in ("arch", "registers", "shared", "stack", "spill_stores", "spill_loads")},
                         {"arch": "sm_90", "registers": 48, "shared": 64, "stack": 24, "spill_stores": 20, "spill_loads": 32})
        self.assertIn("sm_90", output)

    def test_an_unknown_op(self):
        code, _, error = call(self.root, "kernel_info.py", str(self.root), "sofmax")
        self.assertEqual(code, 2)
        self.assertIn("known: adam,", error)


class GpuCheck(InACopy):
    """gpu-check as a whole, with stand-ins for every program of a machine with a GPU."""

    def setUp(self):
        super().setUp()
        self.bin = Path(self.folder.name, "bin")
        self.bin.mkdir()
        self.build = self.root / "build/cuda"
        self.build.mkdir(parents=True)
        passes = 'echo "[  PASSED  ] 7 tests."'
        self.stub("nvidia-smi", 'echo "NVIDIA T, 580, 9.0, 1 MiB, 1, 1, 1, 1, 1"')
        self.stub("nvcc", "echo Build 13")
        self.stub("cmake", 'echo "$@" >>../cmake-calls')
        self.stub("ninja", "exit 0")
        self.stub("compute-sanitizer", f'{passes}; echo "========= ERROR SUMMARY: 0 errors"')
        self.stub("kernel_bench", """echo '{"kernel": "relu", "ratio": 0.95}'""", self.build)
        for name in ("test_cuda", "test_gpu", "test_autograd"):
            self.stub(name, passes, self.build)

    def stub(self, name, script, folder=None):
        path = (folder or self.bin) / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)

    def check(self, *arguments):
        # PyTorch is missing there, because the benchmark against PyTorch is not tested here.
        self.stub("python3", "exit 1")
        path = f"{self.bin}:{os.environ['PATH']}"
        code, output, error = call(self.root, "gpu_check.py", str(self.root), *arguments, PATH=path)
        report = self.root / "build/gpu-check/gpu-check.json"
        return code, output + error, json.loads(report.read_text()) if report.exists() else None

    def test_all_parts(self):
        code, output, report = self.check("--deps", "/some/folder")
        self.assertEqual(code, 0, output)
        self.assertEqual({part: found["passed"] for part, found in report["parts"].items()},
                         dict.fromkeys(["build", "test", "sanitize", "bench"], True))
        self.assertEqual(report["machine"]["gpu"]["name"], "NVIDIA T")
        self.assertIn("-DCMAKE_CUDA_ARCHITECTURES=90-real", report["parts"]["build"]["found"]["flags"])
        self.assertIn("-DCMAKE_PREFIX_PATH=/some/folder", report["parts"]["build"]["found"]["flags"])
        self.assertEqual(report["parts"]["test"]["found"]["test_gpu"]["passed"], 7)
        self.assertIn("sanitize: passed", (self.root / "build/gpu-check/gpu-check.txt").read_text())

    def test_a_failure_is_named_and_the_rest_goes_on(self):
        self.stub("test_gpu", 'echo "[  FAILED  ] GpuTraining.X (3 ms)"; exit 1', self.build)
        code, output, report = self.check()
        self.assertEqual(code, 1, output)
        self.assertEqual(report["parts"]["test"]["found"]["test_gpu"]["failed"], ["GpuTraining.X"])
        self.assertTrue(report["parts"]["bench"]["passed"])

    def test_no_test_at_all_is_a_failure(self):
        self.stub("test_gpu", 'echo "[  PASSED  ] 0 tests."', self.build)
        self.assertEqual(self.check("test")[0], 1)

    def test_a_part_that_takes_too_long_is_ended(self):
        self.stub("test_cuda", "exec sleep 60", self.build)
        code, output, report = self.check("--seconds", "1", "test")
        self.assertEqual((code, report["parts"]["test"]["found"]["test_cuda"]["exit_code"]), (1, 124), output)

    def test_what_cannot_begin(self):
        self.assertEqual(self.check("tests")[0], 2)
        self.stub("nvidia-smi", "exit 9")
        code, output, report = self.check()
        self.assertEqual((code, report), (2, None))
        self.assertIn("shows no GPU", output)


if __name__ == "__main__":
    unittest.main()
