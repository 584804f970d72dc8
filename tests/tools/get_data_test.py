#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of tools/get_data. Folders stand in for the servers, and no network is used."""
import hashlib
import importlib.machinery
import importlib.util
import io
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import unittest

sys.dont_write_bytecode = True
TOOL = pathlib.Path(__file__).resolve().parent.parent.parent / "tools" / "get_data"


def load_tool():
    loader = importlib.machinery.SourceFileLoader("get_data", str(TOOL))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("get_data", loader))
    loader.exec_module(module)
    module.say = lambda text: None
    return module


class GetData(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.server = pathlib.Path(scratch.name) / "server"
        self.folder = pathlib.Path(scratch.name) / "folder"
        self.server.mkdir()
        self.folder.mkdir()
        self.tool = load_tool()

    def serve_mnist(self):
        self.tool.MNIST_PLACES = [(self.server / "away").as_uri() + "/", self.server.as_uri() + "/"]
        for name in self.tool.MNIST:
            (self.server / name).write_bytes(name.encode())
            self.tool.MNIST[name] = hashlib.sha256(name.encode()).hexdigest()

    def test_fetches_from_the_place_that_answers(self):
        self.serve_mnist()
        self.tool.get_mnist(self.folder)
        for name in self.tool.MNIST:
            self.assertEqual((self.folder / name).read_bytes(), name.encode())

    def test_leaves_right_files_alone_and_replaces_wrong_ones(self):
        self.serve_mnist()
        self.tool.get_mnist(self.folder)
        right, wrong, *_ = self.tool.MNIST
        (self.server / right).unlink()
        (self.folder / wrong).write_bytes(b"damaged")
        self.tool.get_mnist(self.folder)
        self.assertEqual((self.folder / wrong).read_bytes(), wrong.encode())

    def test_a_wrong_checksum_is_named_and_leaves_nothing(self):
        self.serve_mnist()
        first = next(iter(self.tool.MNIST))
        (self.server / first).write_bytes(b"something else")
        with self.assertRaisesRegex(RuntimeError, f"{first} has SHA-256 [0-9a-f]+; "):
            self.tool.get_mnist(self.folder)
        self.assertEqual(list(self.folder.iterdir()), [])

    def test_unpacks_cifar10(self):
        self.tool.CIFAR10_BATCH_BYTES = 7
        archive = self.server / self.tool.CIFAR10_ARCHIVE
        with tarfile.open(archive, "w:gz") as files:
            for name in self.tool.CIFAR10_FILES:
                entry = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
                entry.size = 7
                files.addfile(entry, io.BytesIO(name[-7:].encode()))
        self.tool.CIFAR10_PLACES = [self.server.as_uri() + "/"]
        self.tool.CIFAR10_SHA256 = self.tool.sha256_of(archive)
        self.tool.get_cifar10(self.folder)
        found = {path.name: path.read_bytes() for path in self.folder.iterdir()}
        self.assertEqual(found, {name: name[-7:].encode() for name in self.tool.CIFAR10_FILES})
        archive.unlink()
        self.tool.get_cifar10(self.folder)  # all there: nothing is fetched

    def test_an_unknown_set_is_refused(self):
        result = subprocess.run([sys.executable, str(TOOL), "imagenet"], capture_output=True, text=True)
        self.assertEqual(result.returncode, 2)
        self.assertIn("mnist", result.stderr)


if __name__ == "__main__":
    unittest.main()
