# SPDX-License-Identifier: Apache-2.0
"""Reads what weft writes, and sends records to a run."""

from weft import stream
from weft.safetensors import load, metadata

__all__ = ["load", "metadata", "stream"]
