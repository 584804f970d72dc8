# SPDX-License-Identifier: Apache-2.0
"""The repository's Python package and numpy, for tests. If numpy cannot be imported, by this Python
or by $WEFT_PYTHON, the exit code is 77, which skips the test."""
import os
import pathlib
import sys

try:
    import numpy as np  # noqa: F401
except ImportError as missing:
    other = os.environ.get("WEFT_PYTHON")
    if other and not os.environ.get("WEFT_PYTHON_RETRIED"):
        os.execve(other, [other, *sys.argv], os.environ | {"WEFT_PYTHON_RETRIED": "1"})
    print(f"{pathlib.Path(sys.argv[0]).name}: skipped, {missing}")
    sys.exit(77)

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "python"))
import weft  # noqa: E402, F401
