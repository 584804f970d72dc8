#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The model of training on many GPUs (tools/scaling_model.py), and its tables in the docs."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
import scaling_model as model  # noqa: E402

LM = model.MODELS[2]


class ScalingModel(unittest.TestCase):
    def test_the_page_has_the_tables_that_the_script_prints(self):
        page = model.PAGE.read_text(encoding="utf-8")
        self.assertEqual(page.count(model.BEGIN), 1)
        self.assertEqual(page.count(model.END), 1)
        printed = page.split(model.BEGIN)[1].split(model.END)[0]
        self.assertEqual(printed.strip(), model.tables().strip(),
                         "tools/scaling_model.py --write puts them there")

    def test_collectives_by_hand(self):
        # 8 GPUs in one machine, 14 steps of 3.4 us; 1 GB at 235 GB/s of bus bandwidth.
        self.assertAlmostEqual(model.ring(8, 1e9, 2), 8.4e-6 + 14 * 3.4e-6 + 2 * 7 / 8 * 1e9 / 235e9)
        self.assertAlmostEqual(model.ring(8, 1e9, 1), 8.4e-6 + 7 * 3.4e-6 + 7 / 8 * 1e9 / 235e9)
        # 1,024 GPUs: of 1,023 steps, 127 are between machines.
        self.assertEqual(model.steps_of(1024, 1), (896, 127))
        # A few bytes wait for the chain in a machine and for 7 levels, up and down.
        self.assertAlmostEqual(model.tree(1024, 8), 4.4e-6 + 2 * (7 * 1.2e-6 + 7 * 8.5e-6), delta=1e-8)
        self.assertLess(model.tree(1024, 8), model.ring(1024, 8, 2))
        self.assertLess(model.ring(8, 1e9, 2), model.tree(8, 1e9))

    def test_what_overlaps(self):
        self.assertEqual(sum(model.buckets(LM)), 4 * LM.parameters)
        last = model.buckets(LM)[-1]
        # Fast collectives leave the last bucket, slow ones all but what fits beside backward.
        self.assertAlmostEqual(model.exposed(LM, lambda size: size * 1e-12), last * 1e-12)
        slow = model.exposed(LM, lambda size: size * 1e-6)
        first = model.BUCKET / (4 * LM.parameters) * LM.seconds * 2 / 3
        self.assertAlmostEqual(slow, 4 * LM.parameters * 1e-6 + first - LM.seconds * 2 / 3)

    def test_rows(self):
        for m in model.MODELS:
            for n in model.SIZES:
                r = model.row(m, n)
                self.assertLess(r["plain"], r["overlapped"])
                self.assertTrue(0 < r["plain"] < 1 and 0 < r["sharded_efficiency"] < 1)
                self.assertLess(r["sent"], 2 * 4 * m.parameters)
                self.assertAlmostEqual(r["memory"] - r["sharded_memory"],
                                       m.parameters * m.state * (n - 1) / n, delta=1)


if __name__ == "__main__":
    unittest.main()
