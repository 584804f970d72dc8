#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests the tools of kernel authors: new-op, op and kernel-info."""
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

    def test_what_is_no_name_of_an_op_is_refused(self):
        for name in ("/softmax", "**", "soft*", "../softmax", ""):
            code, _, error = call(self.root, "kernel_info.py", str(self.root), "--check-arguments", name)
            self.assertEqual((code, error), (2, f"kernel-info: '{name}' given; the name of an op, like softmax, is required\n"))

    def test_options_of_the_table_need_all(self):
        shown = call(self.root, "kernel_table.py", "--help")[1]
        for option in ("--archs", "--built", "--compare", "--renew", "--sass", "--jobs"):
            self.assertIn(option, shown)
            code, _, error = call(self.root, "kernel_info.py", str(self.root), option, "12")
            self.assertEqual(code, 2)
            self.assertRegex(error, f"^kernel-info: {option} is an option of ./run kernel-info --all; .*\n$")

    def test_a_list_or_number_that_is_none_is_refused(self):
        for arguments, level, said in ((["--archs", ""], "2", "--archs '': a list of 75, 80"),
                                       ([], "x", "CMAKE_BUILD_PARALLEL_LEVEL=x: a number from 1 is required"),
                                       ([], "0", "CMAKE_BUILD_PARALLEL_LEVEL=0: a number from 1 is required")):
            code, _, error = call(self.root, "kernel_table.py", str(self.root), "--all", "--check-arguments", *arguments,
                                  CMAKE_BUILD_PARALLEL_LEVEL=level)
            self.assertEqual(code, 2)
            self.assertTrue(error.startswith(f"kernel-info: {said}"), error)
        for arguments, level in (([], ""), ([], "2"), (["--jobs", "1"], "x")):
            self.assertEqual(call(self.root, "kernel_table.py", str(self.root), "--all", "--check-arguments", *arguments,
                                  CMAKE_BUILD_PARALLEL_LEVEL=level)[0], 0)


if __name__ == "__main__":
    unittest.main()
