# SPDX-License-Identifier: Apache-2.0
"""Tests of which only another Python may have the packages."""
import os
import pathlib
import sys


def run_with(variable, missing):
    """Starts this program once more with the Python that the variable names. Without one, or if it
    lacks the packages too, the exit code is 77, which skips the test."""
    other, tried = os.environ.get(variable), f"{variable}_RETRIED"
    if other and not os.environ.get(tried):
        os.execve(other, [other, *sys.argv], os.environ | {tried: "1"})
    print(f"{pathlib.Path(sys.argv[0]).name}: skipped, {missing}")
    sys.exit(77)
