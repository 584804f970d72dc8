#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The checks of tools/ find what they claim to: each rule is broken once in a small tree."""
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TOOLS = Path(__file__).resolve().parents[2] / "tools"
SPDX = "// SPDX-License-Identifier: Apache-2.0\n"


def check(tool, files):
    """Runs tools/<tool> on a tree that holds `files` {path: text}; returns (exit code, output)."""
    with tempfile.TemporaryDirectory() as root:
        for name, text in files.items():
            path = Path(root, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        done = subprocess.run([sys.executable, str(TOOLS / tool), root], capture_output=True, text=True)
        return done.returncode, done.stdout


class Layering(unittest.TestCase):
    def broken(self, name, text, finding):
        code, output = check("check_layering.py", {name: text})
        self.assertEqual(code, 1, output)
        self.assertIn(f"{name}: ", output)
        self.assertIn(finding, output)

    def test_allowed(self):
        code, output = check("check_layering.py", {
            "tensor/a.cpp": SPDX + '#include "weft/tensor/a.h"\n#include "weft/kernels/b.h"\n#include <vector>\n',
            "tests/tensor/a_test.cpp": SPDX + '#include "weft/train/trainer/trainer.h"\n',
            "kernels/library/onednn_gemm.cpp": SPDX + "#include <dnnl.hpp>\n",
            "core/a.cpp": SPDX + 'const char* text = "std::cout <<<"; // exit(1)\n'})
        self.assertEqual(code, 0, output)

    def test_backward_include(self):
        self.broken("kernels/a.cpp", SPDX + '#include "weft/tensor/tensor.h"\n', "must not know it")

    def test_include_of_tests(self):
        self.broken("train/run/a.cpp", SPDX + '#include "weft/tests/util.h"\n', "not part of the library")

    def test_rooms(self):
        code, output = check("check_layering.py", {
            "train/run/a.cpp": SPDX + '#include "weft/train/step/b.h"\n#include "weft/train/run/c.h"\n',
            "kernels/a_cpu.cpp": SPDX + '#include "weft/kernels/common/rows.h"\n#include "weft/kernels/a.h"\n'})
        self.assertEqual(code, 0, output)
        self.broken("train/step/a.cpp", SPDX + '#include "weft/train/run/b.h"\n', "the arrow step -> run is wrong")
        self.broken("train/trainer/a.cpp", SPDX + '#include "weft/train/evaluation/b.h"\n',
                    "the arrow trainer -> evaluation is wrong")
        self.broken("kernels/common/a.cpp", SPDX + '#include "weft/kernels/b.h"\n', "the arrow common -> . is wrong")
        self.broken("train/a.cpp", SPDX, "lies in train/ itself; the rooms are losses, metrics, checkpoint <- step")
        self.broken("train/attic/a.cpp", SPDX, "lies in attic")
        self.broken("train/run/a.cpp", SPDX + '#include "weft/train/attic/b.h"\n', "has no room 'attic'")

    def test_unprefixed_include(self):
        self.broken("nn/a.cpp", SPDX + '#include "linear.h"\n', "weft/<folder>")

    def test_backend_in_kernel_header(self):
        self.broken("kernels/a.h", SPDX + "#pragma once\n#include <Eigen/Core>\n", "back end")

    def test_onednn_elsewhere(self):
        self.broken("kernels/library/matmul_cpu.cpp", SPDX + "#include <dnnl.hpp>\n", "knows oneDNN")

    def test_launch_outside_the_launcher(self):
        self.broken("kernels/a.cu", SPDX + "void f() { k<<<1, 2>>>(); }\n", "<<<")

    def test_printing_library(self):
        self.broken("train/run/a.cpp", SPDX + "void f() { std::cout << 1; }\n", "never prints")
        self.broken("train/run/b.cpp", SPDX + "void f() { exit(1); }\n", "never prints")

    def test_licence_line(self):
        self.broken("nn/a.cpp", "int a;\n", "SPDX")
        self.broken("tools/a.py", "a = 1\n", "SPDX")

    def test_header_guard(self):
        self.broken("nn/a.h", SPDX, "#pragma once")

    def test_long_files(self):
        self.broken("nn/a.cpp", SPDX + "\n" * 501, "500 is the limit")
        code, output = check("check_layering.py", {"nn/a.cpp": SPDX + "\n" * 400})
        self.assertEqual(code, 0)
        self.assertIn("note: has 401 lines", output)


class Snippets(unittest.TestCase):
    source = SPDX + "int main() {\n  return 0;\n}\n"

    def page(self, text):
        return check("check_snippets.py", {"examples/a.cpp": self.source, "README.md": text})

    def test_whole_file_and_part(self):
        for code in ("int main() {\n  return 0;\n}\n", "  return 0;\n"):
            result, output = self.page(f"x\n<!-- file: examples/a.cpp -->\n```cpp\n{code}```\n")
            self.assertEqual(result, 0, output)
            self.assertIn("1 blocks", output)

    def test_changed_block(self):
        code, output = self.page("<!-- file: examples/a.cpp -->\n```cpp\nint main() {}\n```\n")
        self.assertEqual(code, 1)
        self.assertIn("README.md:1: the block is not in examples/a.cpp", output)

    def test_unnamed_and_missing_file(self):
        self.assertEqual(self.page("```cpp\nint a;\n```\n")[0], 1)
        self.assertEqual(self.page("<!-- file: examples/b.cpp -->\n```cpp\nint a;\n```\n")[0], 1)


if __name__ == "__main__":
    unittest.main()
