#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The Python package: python_test.py [WEFT_COMMAND]

If numpy cannot be imported (by this Python or $WEFT_PYTHON), the exit code is 77, which skips the
test.
"""

import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile
import unittest

from weft_package import np, weft

COMMAND = sys.argv.pop() if len(sys.argv) > 1 else None


class Files(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.folder.name, "a.safetensors")

    def tearDown(self):
        self.folder.cleanup()

    def write(self, header, data=b"", length=None):
        text = header if isinstance(header, bytes) else json.dumps(header).encode()
        size = len(text) if length is None else length
        pathlib.Path(self.path).write_bytes(struct.pack("<Q", size) + text + data)

    def refusal(self):
        with self.assertRaises(ValueError) as raised:
            weft.load(self.path)
        return str(raised.exception)

    def test_every_dtype(self):
        values = {"F64": np.array([1.5, -2]), "F16": np.array([0.25], np.float16),
                  "I8": np.array([-3, 4], np.int8), "U64": np.array([2**63], np.uint64),
                  "BOOL": np.array([True, False]), "C64": np.array([1 + 2j], np.complex64)}
        header, data = {"__metadata__": {"format": "pt"}}, b""
        for dtype, array in values.items():
            raw = array.tobytes()
            header[dtype] = {"dtype": dtype, "shape": list(array.shape),
                             "data_offsets": [len(data), len(data) + len(raw)]}
            data += raw
        header["BF16"] = {"dtype": "BF16", "shape": [1, 2], "data_offsets": [len(data), len(data) + 4]}
        data += struct.pack("<HH", 0x3FC0, 0xC000)  # 1.5 and -2
        self.write(header, data)
        read = weft.load(self.path)
        for dtype, array in values.items():
            self.assertEqual(read[dtype].dtype, array.dtype)
            np.testing.assert_array_equal(read[dtype], array)
        self.assertEqual(read["BF16"].tolist(), [[1.5, -2.0]])
        self.assertEqual(weft.metadata(self.path), {"format": "pt"})
        read["F64"][0] = 7  # an array of its own

    def test_damage_is_said(self):
        tensor = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
        for change, data, part in [
                ({"data_offsets": [0, 4]}, b"12345678", "8 bytes inside of the file are required"),
                ({}, b"1234", "of 4; 8 bytes inside"),
                ({"shape": [2, -1]}, b"12345678", "that fit the file are required"),
                ({"shape": [10**12, 10**12]}, b"12345678", "bytes inside of the file"),
                ({"dtype": "F8_E4M3"}, b"12345678", "has the dtype F8_E4M3; one of"),
                ({"dtype": 5}, b"12345678", "are required"),
                ({"shape": [True, 2]}, b"12345678", "are required")]:
            self.write({"w": {**tensor, **change}}, data)
            self.assertIn(part, self.refusal())
        self.write({"w": tensor}, b"12345678", length=10**18)
        self.assertIn("a safetensors file, whole, is required", self.refusal())
        for text in (b"[1]", b"{", b"\xff\xfe", b'{"a": 1, "a": 2}', b'{"a":' * 100000):
            self.write(text)
            self.assertIn("its header cannot be read", self.refusal())
        self.write({"w": 3})
        self.assertIn("'w' is 3", self.refusal())
        pathlib.Path(self.path).write_bytes(b"123")
        self.refusal()

    @unittest.skipUnless(COMMAND, "no command given")
    def test_what_weft_writes(self):
        config = os.path.join(self.folder.name, "a.yaml")
        pathlib.Path(config).write_text(
            "data: {type: digits, train_size: 40, test_size: 20, validation_split: 0.2}\n"
            "model: {type: mlp, hidden: [8]}\n"
            "train: {epochs: 1, batch_size: 8}\n")
        run = os.path.join(self.folder.name, "run")
        for arguments in (["train", config, "run.dir=" + run],
                          ["evaluate", run, "--logits", self.path]):
            subprocess.run([COMMAND, *arguments], check=True, stdout=subprocess.DEVNULL)
        weights = run + "/checkpoints/last/model.safetensors"
        read = weft.load(weights)
        shapes = sorted(array.shape for array in read.values())
        self.assertEqual(shapes, [(8,), (8, 784), (10,), (10, 8)])
        self.assertTrue(all(array.dtype == np.float32 for array in read.values()))
        self.assertIn("architecture", weft.metadata(weights))
        self.assertEqual(weft.load(self.path)["logits"].shape, (20, 10))


if __name__ == "__main__":
    unittest.main()
