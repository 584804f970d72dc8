#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of the checks of tools/. Each rule is broken once in a small tree, and must be reported."""
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TOOLS = Path(__file__).resolve().parents[2] / "tools"
sys.path.insert(0, str(TOOLS))
import check_classes  # noqa: E402
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

    def test_empty_block(self):
        for code in ("", "\n"):
            result, output = self.page(f"<!-- file: examples/a.cpp -->\n```cpp\n{code}```\n")
            self.assertEqual(result, 1)
            self.assertIn("README.md:1: the block has no text of examples/a.cpp", output)

    def test_unnamed_and_missing_file(self):
        self.assertEqual(self.page("```cpp\nint a;\n```\n")[0], 1)
        self.assertEqual(self.page("<!-- file: examples/b.cpp -->\n```cpp\nint a;\n```\n")[0], 1)

    def test_links(self):
        code, output = self.page("[a](examples/a.cpp#L1) [b](https://example.org/b) [c](#tests)\n\n[d](examples/d.cpp)\n")
        self.assertEqual(code, 1)
        self.assertIn("README.md:3: examples/d.cpp does not exist\nsnippets: 0 blocks, 1 errors", output)

    def test_pages_of_folders(self):
        code, output = check("check_snippets.py", {"nn/README.md": "```cpp\nint a;\n```\n", "CHANGELOG.md": "[a](b.md)\n"})
        self.assertEqual(code, 1)
        self.assertIn("nn/README.md:1: ", output)
        self.assertIn("CHANGELOG.md:1: b.md does not exist", output)


class Words(unittest.TestCase):
    """Comments and prose of more than 100 columns."""
    long = "word " * 20 + "w"  # 101 columns

    def found(self, name, text):
        """The line numbers of the findings."""
        code, output = check("check_words.py", {name: text})
        lines = [int(line.split(":")[1]) for line in output.split("\n") if line.startswith(name + ":")]
        self.assertEqual(code, 1 if lines else 0, output)
        return lines

    def test_width_is_100_characters(self):
        self.assertEqual(self.found("nn/a.cpp", "// " + "é" * 97 + "\n"), [])
        self.assertEqual(self.found("nn/a.cpp", "// " + "é" * 98 + "\n"), [1])

    def test_cpp(self):
        self.assertEqual(self.found("nn/a.cpp", f"int a;\n// {self.long}\n/* a\n{self.long}\n*/\n"), [2, 4])
        self.assertEqual(self.found("nn/a.cu", f"int a = 1'000;  // {self.long}\n"), [1])

    def test_cpp_strings_are_no_comments(self):
        self.assertEqual(self.found("nn/a.cpp", f'auto s = "// {self.long}";\nauto r = R"(\n// {self.long})";\n'), [])
        self.assertEqual(self.found("nn/a.cpp", f"char c = '\"', d = '/';\n// {self.long}\n"), [2])

    def test_python(self):
        text = f'"""a\n{self.long}\n"""\na = """\n# {self.long}\n"""\nb = "# {self.long}"\nc = 1  # {self.long}\n'
        self.assertEqual(self.found("tools/a.py", text), [2, 8])

    def test_shell_and_cmake(self):
        text = f"a=${{#b}} '# {self.long}'\ncat <<'EOF'\n# {self.long}\nEOF\n# {self.long}\nc  # {self.long}\n"
        self.assertEqual(self.found("tools/a.sh", text), [5, 6])
        self.assertEqual(self.found("run", "#!/bin/bash\n" + text), [6, 7])
        self.assertEqual(self.found("cmake/a.cmake", f'set(a "# {self.long}")\nset(b)  # {self.long}\n'), [2])
        self.assertEqual(self.found("configs/a.yaml", f"a: 1  # {self.long}\n"), [1])

    def test_markdown(self):
        text = (f"{self.long}\n\n- {self.long}\n\n| {self.long} |\n\n```\n{self.long}\n```\n\n    {self.long}\n\n"
                f"a [b]({'c' * 100}) https://{'d' * 100}\n- e\n\n    {self.long}\n")
        self.assertEqual(self.found("docs/a.md", text), [1, 3, 16])
        self.assertEqual(self.found("nn/README.md", self.long), [1])
        self.assertEqual(self.found("README.md", self.long), [1])

    def test_fix(self):
        words = "word " * 30
        text = (f"int a;\n  // First stays.\n  // {words}\n  // End.\n  //   {words}\n// Note [A]\n"
                f"int b;  // {words}\n// --- Rule {'-' * 99}\n// Short.\n")
        with tempfile.TemporaryDirectory() as root:
            path = Path(root, "nn/a.cpp")
            path.parent.mkdir()
            path.write_text(text)
            done = subprocess.run([sys.executable, str(TOOLS / "check_words.py"), "--fix", root],
                                  capture_output=True, text=True)
            lines = path.read_text().split("\n")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(lines[:2], ["int a;", "  // First stays."])
        self.assertEqual(lines[2], "  // " + "word " * 18 + "word")
        self.assertEqual(lines[3], "  // " + "word " * 11 + "End.")
        self.assertEqual(lines[4:], [f"  //   {words}", "// Note [A]", f"int b;  // {words}",
                                     "// --- Rule " + "-" * 88, "// Short.", ""])
        self.assertEqual([line.split(":")[1] for line in done.stdout.split("\n")[:2]], ["5", "7"])


class Classes(unittest.TestCase):
    def counts(self, text):
        """{class: (data members, public functions)}"""
        return {c.name: (len(c.members), len(c.functions)) for c in check_classes.classes_of(text)}

    def one(self, body, key="struct"):
        return self.counts(f"namespace weft {{\n{key} A : B<int>, C {{\n{body}\n}};\n}}\n")["A"]

    def test_members(self):
        self.assertEqual(self.one("int a;"), (1, 0))
        self.assertEqual(self.one("int a = 1, *b = nullptr, c{2}, d[3] = {1, 2};\ni64 e : 3;"), (5, 0))
        self.assertEqual(self.one("std::map<int, std::pair<a, b>> m = std::map<int, c>{}, n;"), (2, 0))
        self.assertEqual(self.one("std::function<void(int, A&)> f; void (*g)(int, int) = nullptr;"), (2, 0))
        self.assertEqual(self.one("alignas(16) float v[4]; [[maybe_unused]] bool b = x < y, c = (p, q);"), (3, 0))
        self.assertEqual(self.one("std::function<int(int)> f = [](int a) { int b = a; return b; }; int c;"), (2, 0))

    def test_what_is_no_member(self):
        self.assertEqual(self.one("static constexpr int k = 3, l = 4; static inline A a{1};"), (0, 0))
        self.assertEqual(self.one("using T = int; typedef int U; struct N; class M; enum class E { a, b };"), (0, 0))
        self.assertEqual(self.one("friend bool operator==(A, A) { return true; } friend class F;\n"
                                  "static_assert(sizeof(int) == 4);"), (0, 0))
        self.assertEqual(self.one("// int a;\n/* int b; */\n#define X int c;\nconst char* s = \"int d; }\";"), (1, 0))

    def test_functions(self):
        self.assertEqual(self.one("A(); explicit A(int); ~A(); A(const A&) = delete; A& operator=(A&&) = default;"),
                         (0, 4))
        self.assertEqual(self.one("bool operator()(int a) const; operator bool() const; bool operator<(A) const;\n"
                                  "int operator[](int) const; operator std::vector<int>() const;"), (0, 5))
        self.assertEqual(self.one("template <class T, int N = 3>\n  requires(N > 2)\nstd::vector<T> f(T t = T{}) const;"
                                  "\nstatic int g(); virtual void h() = 0; auto i() -> int; void j(int) noexcept(true);"),
                         (0, 5))
        self.assertEqual(self.one("int f() const { if (a) { return 1; } int local; return 2; }\nint g() { return 3; };"),
                         (0, 2))
        self.assertEqual(self.one("A(int a) : B<int>(a), c_{a}, d_(f({1, 2})) { int local; }\nint c_, d_;"), (2, 1))

    def test_access(self):
        body = "void a();\npublic:\n void b();\nprotected:\n void c();\nprivate:\n void d(); int e;"
        self.assertEqual(self.one(body, "class"), (1, 1))
        self.assertEqual(self.one(body, "struct"), (1, 2))

    def test_nested(self):
        counts = self.counts("class A { public: struct N { int a, b; void f(); } n, m; void g(); "
                             "struct { int x; } o; union { int u; float v; }; };\n"
                             "struct A::Late final { int z; };\ntemplate <> struct S<int> { int s; };")
        self.assertEqual(counts["A"], (4, 1))
        self.assertEqual(counts["A::N"], (2, 1))
        self.assertEqual(counts["Late"], (1, 0))
        self.assertEqual(counts["S"], (1, 0))

    def test_code_around_classes(self):
        counts = self.counts("namespace a::b {\nnamespace {\nint f(int x) { struct Local {}; return x < 3; }\n"
                             "WEFT_MACRO(x, y)\nstruct A { int a; };\n}\nC::C(int x) : a_{x}, b_(x) {}\n"
                             "const int k[] = {1, 2};\nstruct D { int a; };\n}  // namespace\nstruct E { void f(); };\n")
        self.assertEqual(counts, {"A": (1, 0), "D": (1, 0), "E": (0, 1)})

    def broken(self, files, finding):
        code, output = check("check_classes.py", files)
        self.assertEqual(code, 1, output)
        self.assertIn(finding, output)

    def test_limits(self):
        names = ", ".join(f"a{i}" for i in range(15))
        self.broken({"nn/a.h": f"\nstruct A {{ int {names}; }};"}, "nn/a.h:2: A has 15 data members; the limit is 14")
        functions = "".join(f"void f{i}();" for i in range(31))
        self.broken({"nn/a.cpp": f"struct A {{ {functions} }};"}, "A has 31 public functions; the limit is 30")
        self.broken({f"train/{i}/a.h": "" for i in range(13)}, "train: has 13 entries; the limit is 12")
        self.broken({"train/trainer/trainer.h": "\n" * 151}, "train/trainer/trainer.h: has 151 lines; the limit is 150")
        code, output = check("check_classes.py", {
            "nn/a.h": "struct A { int a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, a13, a14; };",
            "nn/b.h": "struct B { " + "void f();" * 30 + " };", "train/trainer/trainer.h": "\n" * 150})
        self.assertEqual(code, 0, output)


class Tour(unittest.TestCase):
    stops = "".join(f"## {n}. Stop\n\n`nn/a.cpp:f`\n\n" for n in range(1, 13))

    def page(self, text, name="docs/a.md"):
        return check("check_tour.py", {
            "nn/a.cpp": "// Note [Why]\n// g() is not here\nint f(int x) { return k(x); }\n"
                        "void A::h() {\n  k(1);\n}\n"
                        "int A::operator()(int x) {}\n",
            "nn/a.h": "struct B : C {\n  double weight(int) const;\n};\n", name: text})

    def test_functions(self):
        for name in ("nn/a.cpp:f", "nn/a.cpp:A::h", "nn/a.cpp:weft::A::h", "nn/a.h:B::weight", "nn/a.cpp:A::operator()"):
            code, output = self.page(f"See `{name}`.\n")
            self.assertEqual(code, 0, output)
        for name, finding in (("nn/a.cpp:g", "nn/a.cpp has no function g"), ("nn/a.cpp:k", "has no function k"), ("nn/b.cpp:f", "nn/b.cpp does not exist"),
                              ("nn/a.cpp:B::h", "has no function B::h"), ("nn/a.h:D::weight", "has no function D::weight"),
                              ("nn/a.h:B::operator()", "has no function B::operator()")):
            code, output = self.page(f"a\n`{name}`\n")
            self.assertEqual(code, 1)
            self.assertIn(f"docs/a.md:2: {finding}" if finding[0] == "n" else finding, output)

    def test_notes(self):
        self.assertEqual(self.page("(Note [Why] in `nn/a.cpp`)\n")[0], 0)
        self.assertEqual(self.page("(Note [Why] in `a.cpp`)\n", "nn/README.md")[0], 0)
        self.assertIn("nn/a.cpp has no Note [Who knows]", self.page("(Note [Who\nknows] in `nn/a.cpp`)\n")[1])

    def test_stops(self):
        code, output = self.page(self.stops, "docs/tour.md")
        self.assertEqual(code, 0, output)
        self.assertIn("1 to 12 are required", self.page(self.stops + "## 14. x\n\n`nn/a.cpp:f`\n", "docs/tour.md")[1])
        self.assertIn("docs/tour.md:1: stop 1 names no", self.page(self.stops.replace("`nn/a.cpp:f`", "", 1), "docs/tour.md")[1])


if __name__ == "__main__":
    unittest.main()
