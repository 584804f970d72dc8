# SPDX-License-Identifier: Apache-2.0
"""Reads what weft writes, sends records to a run, and trains under Ray."""

from weft import ray, stream
from weft.safetensors import load, metadata

__all__ = ["load", "metadata", "ray", "stream"]
