# SPDX-License-Identifier: Apache-2.0
"""Safetensors files as numpy arrays.

The format: 8 bytes with the length of a JSON header, the header, and the bytes of the tensors, which
the header describes (https://github.com/huggingface/safetensors#format).
"""
from __future__ import annotations

import json
import math
import os
from typing import Any, BinaryIO, Union

import numpy as np

Path = Union[str, "os.PathLike[str]"]

_LARGEST_HEADER = 100_000_000  # bytes, as in the format's description

# numpy has no type for BF16, which `_values` converts.
_DTYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2",
    "I64": "<i8", "I32": "<i4", "I16": "<i2", "I8": "i1",
    "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?", "C64": "<c8",
}


def _pairs_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the name '{key}' is given twice; names must be unique")
        found[key] = value
    return found


def _header(file: BinaryIO, path: Path) -> tuple[dict[str, Any], int, int]:
    """The entries of the header, and the position of the first tensor's bytes."""
    size = os.fstat(file.fileno()).st_size
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > min(size - 8, _LARGEST_HEADER):
        raise ValueError(f"{path}: {size} bytes with a header of {length}; a safetensors file, whole, "
                         "is required")
    try:
        header = json.loads(file.read(length).decode("utf-8"), object_pairs_hook=_pairs_once)
        if not isinstance(header, dict):
            raise ValueError("it is no JSON object")
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: its header cannot be read ({error}); a safetensors file is "
                         "required") from None
    return header, 8 + length, size


def _is_size(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _described(path: Path, name: str, entry: Any, available: int) -> tuple[str, list[int], int]:
    """dtype, shape and the first and last byte of a tensor, checked."""
    required = "a dtype, a shape and data_offsets that fit the file are required"
    if not isinstance(entry, dict):
        raise ValueError(f"{path}: '{name}' is {json.dumps(entry)[:60]}; {required}")
    dtype: Any = entry.get("dtype")
    shape: Any = entry.get("shape")
    offsets: Any = entry.get("data_offsets")
    sizes_fit = (isinstance(shape, list) and all(map(_is_size, shape)) and
                 isinstance(offsets, list) and len(offsets) == 2 and all(map(_is_size, offsets)))
    if not isinstance(dtype, str) or not sizes_fit:
        raise ValueError(f"{path}: '{name}' is {json.dumps(entry)[:200]}; {required}")
    if dtype not in _DTYPES:
        raise ValueError(f"{path}: '{name}' has the dtype {dtype}; one of {', '.join(_DTYPES)} is "
                         "required")
    begin, end = offsets
    wanted = math.prod(shape) * np.dtype(_DTYPES[dtype]).itemsize
    if end > available or end - begin != wanted:
        raise ValueError(f"{path}: '{name}' {dtype} {shape} has the bytes {begin} to {end} of "
                         f"{available}; {wanted} bytes inside of the file are required")
    return dtype, shape, begin


def _values(raw: bytes, dtype: str, shape: list[int]) -> "np.ndarray[Any, Any]":
    values: "np.ndarray[Any, Any]" = np.frombuffer(raw, _DTYPES[dtype])
    if dtype == "BF16":  # the upper half of a float32
        values = (values.astype(np.uint32) << 16).view(np.float32)
    copy: "np.ndarray[Any, Any]" = values.reshape(shape).copy()
    return copy


def load(path: Path) -> "dict[str, np.ndarray[Any, Any]]":
    """Returns {name: numpy array} of a safetensors file. Raises ValueError for a damaged file."""
    with open(path, "rb") as file:
        header, first, size = _header(file, path)
        tensors = {}
        for name, entry in header.items():
            if name == "__metadata__":
                continue
            dtype, shape, begin = _described(path, name, entry, size - first)
            count = math.prod(shape) * np.dtype(_DTYPES[dtype]).itemsize
            file.seek(first + begin)
            tensors[name] = _values(file.read(count), dtype, shape)
        return tensors


def metadata(path: Path) -> dict[str, str]:
    """Returns the texts of a safetensors file's metadata, {} if it has none."""
    with open(path, "rb") as file:
        texts = _header(file, path)[0].get("__metadata__") or {}
    if not isinstance(texts, dict) or not all(isinstance(text, str) for text in texts.values()):
        raise ValueError(f"{path}: its metadata is no map of texts; one is required")
    return texts
