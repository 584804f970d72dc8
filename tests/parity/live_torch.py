# SPDX-License-Identifier: Apache-2.0
"""Finds a Python with PyTorch for the tests of this folder."""
import importlib
import os
import sys

SKIPPED = 77


def require(*modules):
    """Imports modules; else starts the script again with $WEFT_PYTHON, or ends with code 77."""
    try:
        for module in modules:
            importlib.import_module(module)
    except ImportError as missing:
        other = os.environ.get("WEFT_PYTHON")
        if other and not os.environ.get("WEFT_PARITY_RETRIED"):
            os.execve(other, [other, *sys.argv], os.environ | {"WEFT_PARITY_RETRIED": "1"})
        print(f"parity with live PyTorch: skipped, {missing}")
        sys.exit(SKIPPED)
