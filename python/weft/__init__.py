# SPDX-License-Identifier: Apache-2.0
"""Reads what weft writes."""

from weft.safetensors import load, metadata

__all__ = ["load", "metadata"]
