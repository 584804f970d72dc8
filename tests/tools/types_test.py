#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The type hints of the Python package, by mypy --strict: types_test.py

If mypy cannot be imported (by this Python or $WEFT_PACKAGES_PYTHON), the exit code is 77, which
skips the test.
"""
import pathlib
import subprocess
import sys
import tempfile

import other_python

try:
    import mypy  # noqa: F401
    import numpy  # noqa: F401
except ImportError as missing:
    other_python.run_with("WEFT_PACKAGES_PYTHON", missing)

PACKAGE = pathlib.Path(__file__).resolve().parents[2] / "python"

with tempfile.TemporaryDirectory() as cache:
    sys.exit(subprocess.run([sys.executable, "-m", "mypy", "--strict", f"--cache-dir={cache}", "weft"],
                            cwd=PACKAGE).returncode)
