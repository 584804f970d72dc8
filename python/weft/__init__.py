# SPDX-License-Identifier: Apache-2.0
"""Starts runs of weft, tunes them, reads what they write, sends records to them, and trains under
Ray."""

from weft import ray, stream
from weft._error import Error
from weft._run import Result, Run, run
from weft._tune import tune
from weft._tune_result import Trial, TuneResult
from weft.safetensors import load, metadata

__all__ = ["Error", "Result", "Run", "Trial", "TuneResult", "load", "metadata", "ray", "run", "stream",
           "tune"]
