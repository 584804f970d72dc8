#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The code and the keys on docs/distributed.md: distributed_page_test.py [WEFT_COMMAND]"""
import ast
import pathlib
import re
import subprocess
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/distributed.md").read_text(encoding="utf-8")
COMMAND = sys.argv.pop() if len(sys.argv) > 1 else None


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.S)


def keys_of_example():
    """{key: value} of the line `dist: {…}`."""
    line = next(block for block in blocks("yaml") if block.startswith("dist:"))
    keys = " ".join(re.search(r"\{(.*)\}", line, re.S)[1].split())
    return dict(part.split(": ") for part in keys.split(", "))


class Page(unittest.TestCase):
    def test_shell(self):
        self.assertGreaterEqual(len(blocks("sh")), 6)
        for block in blocks("sh"):
            done = subprocess.run(["bash", "-n"], input=block, text=True, capture_output=True)
            self.assertEqual(done.returncode, 0, block + done.stderr)
            for config in re.findall(r"\bconfigs/\S+\.yaml", block):
                self.assertTrue((ROOT / config).is_file(), config)

    def test_python(self):
        source = ast.parse((ROOT / "python/weft/ray.py").read_text(encoding="utf-8"))
        function = next(node for node in source.body if getattr(node, "name", "") == "train_func")
        names = {argument.arg for argument in function.args.args + function.args.kwonlyargs}
        calls = [node for block in blocks("python") for node in ast.walk(ast.parse(block))
                 if isinstance(node, ast.Call) and ast.unparse(node.func) == "weft.ray.train_func"]
        self.assertEqual(len(calls), 1)
        self.assertLessEqual({keyword.arg for keyword in calls[0].keywords}, names)
        defaults = dict(zip([a.arg for a in function.args.kwonlyargs],
                            [ast.unparse(d) for d in function.args.kw_defaults]))
        self.assertEqual(PAGE.count(f"`grace` ({defaults['grace']})"), 2)

    def test_keys(self):
        table = dict(re.findall(r"^\| `(\w+)` \| `?(\w+)`? \|", PAGE, re.M))
        self.assertEqual(table, keys_of_example())

    @unittest.skipUnless(COMMAND, "no command given")
    def test_keys_of_the_command(self):
        schema = subprocess.run([COMMAND, "config", "--schema"], check=True, text=True,
                                stdout=subprocess.PIPE).stdout
        section = re.search(r"^dist:.*\n((?:  .*\n)+)", schema, re.M)
        self.assertTrue(section, "weft config --schema has no key dist")
        self.assertEqual(dict(re.findall(r"^  (\w+): (\S+)", section[1], re.M)), keys_of_example())


if __name__ == "__main__":
    unittest.main()
