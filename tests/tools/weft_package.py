# SPDX-License-Identifier: Apache-2.0
"""The repository's Python package and numpy, for tests. If numpy cannot be imported, by this Python
or by $WEFT_PYTHON, the exit code is 77, which skips the test."""
import pathlib
import sys

import other_python

try:
    import numpy as np  # noqa: F401
except ImportError as missing:
    other_python.run_with("WEFT_PYTHON", missing)

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python"))
import weft  # noqa: E402, F401
