#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs/notebook.ipynb, executed: notebook_test.py WEFT_COMMAND [--write]

--write stores the notebook with its outputs. If nbclient, ipykernel or matplotlib cannot be
imported (by this Python or $WEFT_PACKAGES_PYTHON), the exit code is 77, which skips the test.
"""
import os
import pathlib
import sys
import tempfile
import unittest

import other_python

try:
    import ipykernel  # noqa: F401
    import matplotlib  # noqa: F401
    import nbclient
    import nbformat
    import numpy  # noqa: F401
except ImportError as missing:
    other_python.run_with("WEFT_PACKAGES_PYTHON", missing)

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/notebook.ipynb"
SECONDS = 120  # for a cell

WRITE = "--write" in sys.argv
COMMAND = pathlib.Path([text for text in sys.argv[1:] if text != "--write"].pop()).absolute()
sys.argv[1:] = []


def executed():
    """The notebook as it is after all cells were run, in an empty folder."""
    notebook = nbformat.read(PAGE, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        bin_folder = pathlib.Path(folder, "bin")
        bin_folder.mkdir()
        (bin_folder / "weft").symlink_to(COMMAND)
        os.environ.update({"PATH": f"{bin_folder}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT / "python"),
                           "MPLCONFIGDIR": folder, "IPYTHONDIR": folder, "JUPYTER_RUNTIME_DIR": folder})
        work = pathlib.Path(folder, "work")
        work.mkdir()
        nbclient.NotebookClient(notebook, timeout=SECONDS, kernel_name="python3", record_timing=False, coalesce_streams=True,
                                resources={"metadata": {"path": str(work)}}).execute()
    return notebook


def kinds(notebook):
    """For each code cell, what its outputs are."""
    return [[output.get("name", output["output_type"]) for output in cell.outputs]
            for cell in notebook.cells if cell.cell_type == "code"]


class Notebook(unittest.TestCase):
    def test_runs_and_has_the_outputs_that_are_stored(self):
        stored, fresh = nbformat.read(PAGE, as_version=4), executed()
        nbformat.validate(stored)
        self.assertEqual(kinds(fresh), kinds(stored))
        text = "".join(output.get("text", "") for cell in fresh.cells for output in cell.get("outputs", []))
        self.assertIn("epoch 5", text)
        self.assertTrue(any(output.get("data", {}).get("image/png") for cell in stored.cells
                            for output in cell.get("outputs", [])))
        self.assertLess(PAGE.stat().st_size, 200_000)


if __name__ == "__main__":
    if WRITE:
        nbformat.write(executed(), PAGE)
    else:
        unittest.main()
