#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests the table of kernels (tools/kernel_table.py) and its readers of GPU code. Where nvcc is
installed, real code is read; elsewhere that test is skipped."""
import contextlib
import io
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
import cubin  # noqa: E402
import hot_kernels  # noqa: E402
import kernel_table  # noqa: E402

NVCC = shutil.which("nvcc", path=os.environ["PATH"] + ":/usr/local/cuda/bin")


def kernel(registers=32, occupancy=100, stack=0, traffic=0, accesses=()):
    return {"registers": registers, "occupancy": occupancy, "stack": stack, "traffic": traffic,
            "accesses": Counter(dict(accesses))}


def rows(**of_arch):
    return {("op", "k<float>"): {"threads": 256, "shared": 0,
                                 **{int(a.removeprefix("sm_")): k for a, k in of_arch.items()}}}


class Occupancy(unittest.TestCase):
    def test_is_that_of_the_toolkits_header(self):
        # architecture, registers, static shared memory, threads: blocks by cuda_occupancy.h of
        # CUDA 13.0. All 3,780 combinations of 6 architectures, 15 numbers of registers, 7 sizes of
        # shared memory and 6 of blocks were compared once.
        for arch, registers, shared, threads, blocks in (
                (75, 32, 0, 256, 4), (75, 64, 0, 256, 4), (75, 72, 0, 256, 3), (75, 32, 33000, 256, 1),
                (80, 32, 0, 256, 8), (80, 33, 0, 256, 6), (80, 255, 0, 256, 1), (80, 32, 48000, 256, 3),
                (86, 40, 0, 256, 6), (86, 41, 0, 256, 5), (86, 16, 0, 32, 16), (89, 16, 0, 32, 24),
                (90, 48, 9216, 256, 5), (90, 72, 0, 256, 3), (90, 32, 33000, 256, 6), (100, 0, 0, 1024, 2)):
            with self.subTest(arch=arch, registers=registers, shared=shared, threads=threads):
                most = kernel_table.LIMITS[arch][0]
                self.assertEqual(kernel_table.occupancy(arch, registers, shared, threads),
                                 round(100 * blocks * threads / most))


class Names(unittest.TestCase):
    def test_are_shortened(self):
        for name, short in (
                ("void weft::kernels::(anonymous namespace)::k<weft::half, true, 4>(weft::kernels::Rows<float>)", "k<half,true,4>"),
                ("weft::kernels::clip_kernel(double*, long)", "clip_kernel"),
                ("void weft::kernels::k<(weft::kernels::Mask)1, float>(float*)", "k<(Mask)1,float>")):
            self.assertEqual(kernel_table.short(name), short)


class Instructions(unittest.TestCase):
    def test_accesses_and_their_widths(self):
        # Encodings of sm_90 as nvdisasm reads them.
        code = b"".join(struct.pack("<QQ", *words) for words in (
            (0x0000000402047981, 0x000EA8000C1E1D00),   # LDG.E.128
            (0x0000000602007986, 0x0001E8000C101904),   # STG.E
            (0x0000000001047983, 0x000EA80000100A00),   # LDL.64
            (0x0000000001007387, 0x0001E80000100800),   # STL
            (0x0000000402047980, 0x000EA8000C101D00),   # LD.E.128
            (0x000000000000794D, 0x000FEA0003800000)))  # EXIT
        self.assertEqual(cubin.accesses(code), Counter({("LDG", 128): 1, ("STG", 32): 1, ("LDL", 64): 1, ("STL", 32): 1,
                                                        ("LD", 128): 1}))

    @unittest.skipUnless(NVCC, "nvcc is not installed")
    def test_of_real_code(self):
        with tempfile.TemporaryDirectory() as folder:
            source = Path(folder, "k.cu")
            source.write_text("""__global__ void __launch_bounds__(128) copy(float4* y, const float4* x) {
  __shared__ float4 tile[128];
  tile[threadIdx.x] = x[threadIdx.x];
  __syncthreads();
  y[threadIdx.x] = tile[127 - threadIdx.x];
}
""")
            target = Path(folder, "k.o")
            subprocess.run([NVCC, "-c", "-gencode=arch=compute_80,code=sm_80", "-gencode=arch=compute_90,code=[sm_90,compute_90]",
                            source, "-o", target], check=True, capture_output=True)
            found = [k for c in cubin.cubins_of(target) for k in cubin.kernels_of(c)]
            self.assertEqual(sorted(k["arch"] for k in found), [80, 90])
            for k in found:
                self.assertEqual((k["threads"], k["shared"], k["stack"]), (128, 2048, 0))
                self.assertGreater(k["registers"], 3)
                self.assertEqual((k["accesses"]["LDG", 128], k["accesses"]["STG", 128]), (1, 1))

    def test_what_is_no_code_is_an_error(self):
        with self.assertRaises(cubin.FormatError):
            cubin.elf_sections(b"neither an object nor a cubin" * 9)


class Comparison(unittest.TestCase):
    TABLE = {("op", "k<float>"): {"threads": "256", "shared": "0", 80: "32/100", 90: "40/75/8/16"}}

    def worse(self, **of_arch):
        return kernel_table.worse(rows(**of_arch), self.TABLE, [80, 90])

    def test_equal_or_better_is_fine(self):
        self.assertEqual(self.worse(sm_80=kernel(), sm_90=kernel(40, 75, 8, 16)), [])
        self.assertEqual(self.worse(sm_80=kernel(30), sm_90=kernel(38, 75)), [])

    def test_each_number_that_got_worse_is_named(self):
        self.assertEqual(self.worse(sm_80=kernel(33, 75), sm_90=kernel(40, 75, 16, 24)), [
            "op: k<float>, sm_80: 33 registers; the table has 32",
            "op: k<float>, sm_80: 75 % occupancy; the table has 100",
            "op: k<float>, sm_90: 16 bytes of stack frame; the table has 8",
            "op: k<float>, sm_90: 24 bytes of local loads and stores; the table has 16"])

    def test_other_kernels(self):
        self.assertEqual(kernel_table.worse({}, self.TABLE, [80]),
                         ["op: k<float> is in the table and no longer in the sources"])
        self.assertEqual(kernel_table.worse(rows(sm_80=kernel()), {}, [80]), ["op: k<float> is not in the table"])

    def test_architectures_that_the_table_lacks_are_not_compared(self):
        self.assertEqual(kernel_table.worse(rows(sm_75=kernel(99)), self.TABLE, [75]), [])

    def test_code_that_lacks_an_architecture_is_no_empty_table(self):
        kernel_table.check_archs(rows(sm_80=kernel(), sm_90=kernel()), [80, 90])
        with self.assertRaises(SystemExit) as stopped, contextlib.redirect_stderr(io.StringIO()) as said:
            kernel_table.check_archs(rows(sm_80=kernel(), sm_90=kernel()), [75, 80])
        self.assertEqual(stopped.exception.code, 2)
        self.assertIn("the objects have no code for sm_75", said.getvalue())

    def test_renew_keeps_the_columns_of_other_architectures(self):
        with tempfile.TemporaryDirectory() as folder:
            before, kernel_table.TABLE = kernel_table.TABLE, Path(folder, "table.csv")
            root, kernel_table.ROOT = kernel_table.ROOT, Path(folder)
            try:
                kernel_table.renew("13.0.88", rows(sm_80=kernel(), sm_90=kernel(40, 75, 8, 16)), [80, 90])
                kernel_table.renew("13.0.88", rows(sm_80=kernel(24)), [80])
                version, table = kernel_table.stored()
                self.assertEqual(version, "13.0.88")
                self.assertEqual(table["op", "k<float>"], {"threads": "256", "shared": "0", 80: "24/100", 90: "40/75/8/16"})
                kernel_table.renew("13.1.1", rows(sm_80=kernel(24)), [80])
                self.assertEqual(kernel_table.stored()[1]["op", "k<float>"], {"threads": "256", "shared": "0", 80: "24/100"})
            finally:
                kernel_table.TABLE, kernel_table.ROOT = before, root


class HotKernels(unittest.TestCase):
    RULES = [hot_kernels.Rule("op", r"k<\w+>")]

    def misses(self, **of_arch):
        return hot_kernels.misses(rows(**of_arch), [80, 90], self.RULES)

    def test_rules(self):
        good = kernel(accesses={("LDG", 128): 2, ("ST", 128): 1, ("LDG", 32): 5})
        self.assertEqual(self.misses(sm_80=good), [])
        narrow = kernel(accesses={("LDG", 32): 4, ("STG", 128): 1})
        self.assertEqual(self.misses(sm_80=good, sm_90=narrow),
                         ["op: k<float>, sm_90: its widest load has 32 bits; 128 are required"])
        spilled = kernel(traffic=12, accesses={("LDG", 128): 1, ("STG", 128): 1})
        self.assertEqual(self.misses(sm_80=spilled), [
            "op: k<float>, sm_80: its instructions store and load 12 bytes of local memory; none are allowed"])

    def test_a_rule_without_a_kernel_is_a_mistake(self):
        self.assertIn("no kernel is called k", hot_kernels.misses({}, [80], self.RULES)[0])


class StoredTable(unittest.TestCase):
    def test_is_sorted_and_complete(self):
        version, table = kernel_table.stored()
        self.assertRegex(version, r"\d+\.\d+")
        self.assertEqual(list(table), sorted(table))
        files = {path.name.removesuffix("_cuda.cu") for path in (ROOT / "kernels").rglob("*_cuda.cu")}
        self.assertEqual({file for file, _ in table}, files)
        for row in table.values():
            self.assertEqual(set(kernel_table.LIMITS) - set(row), set())


unittest.main()
