#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes files of each kind that the reference implementation of safetensors accepts or refuses.

Usage: safetensors_cases.py FOLDER. Writes FOLDER/<number>.safetensors and FOLDER/cases.json with
what the installed package says of each file. tests/nn/safetensors_reference_test.cpp compares weft.
"""
import json
import pathlib
import struct
import sys

import safetensors

# Name, bits of an element, and the struct code of its values (None: not compared here).
DTYPES = [("BOOL", 8, "?"), ("U8", 8, "B"), ("I8", 8, "b"), ("I16", 16, "h"), ("U16", 16, "H"),
          ("F16", 16, "e"), ("BF16", 16, None), ("I32", 32, "i"), ("U32", 32, "I"),
          ("F32", 32, "f"), ("C64", 64, None), ("F64", 64, "d"), ("I64", 64, "q"),
          ("U64", 64, "Q"), ("F4", 4, None), ("F6_E2M3", 6, None), ("F6_E3M2", 6, None),
          ("F8_E5M2", 8, None), ("F8_E4M3", 8, None), ("F8_E8M0", 8, None),
          ("F8_E4M3FNUZ", 8, None), ("F8_E5M2FNUZ", 8, None)]
CODES = {name: code for name, _, code in DTYPES}
ONE = '{"dtype":"F32","shape":[1],"data_offsets":[0,4]}'


def entry(dtype, shape, begin, end):
    return json.dumps({"dtype": dtype, "shape": shape, "data_offsets": [begin, end]})


def cases():
    """Yields label, header, bytes of the tensors, and whether weft is stricter."""
    def with_one(label, header, stricter=False):
        return label, header, b"\0\0\x80\x3f", stricter

    for dtype, bits, _ in DTYPES:
        for shape in ([4], [2, 2], [1] * 6 + [4], [1] * 40 + [8], [0, 3], [8, 0]):
            elements = 1
            for size in shape:
                elements *= size
            data = bytes(range(1, elements * bits // 8 + 1)) if dtype != "BOOL" else b"\1\0" * (elements // 2)
            yield f"{dtype} {len(shape)} axes", f'{{"a":{entry(dtype, shape, 0, len(data))}}}', data, False
        if bits >= 8:
            yield f"{dtype} scalar", f'{{"a":{entry(dtype, [], 0, bits // 8)}}}', b"\1" * (bits // 8), False
    yield "F4 of 3", f'{{"a":{entry("F4", [3], 0, 2)}}}', b"\1\2", False
    yield "F6 of 2", f'{{"a":{entry("F6_E2M3", [2], 0, 2)}}}', b"\1\2", False
    for dtype in ("f32", "F8", "I128", ""):
        yield with_one(f"dtype '{dtype}'", f'{{"a":{entry(dtype, [1], 0, 4)}}}')

    yield "nothing", "{}", b"", False
    yield "nothing, with data", "{}", b"x", False
    yield "no header", "", b"", False
    yield "no JSON", "{", b"", False
    yield "not UTF-8", b"\xff", b"", False
    yield "not UTF-8 in a name", b'{"\xff":' + ONE.encode() + b"}", b"\0" * 4, False
    for name, text in {"null": "null", "empty": "{}", "text": '{"k":"v"}', "list": "[]", "number": "1",
                       "number inside": '{"k":1}', "null inside": '{"k":null}', "object inside": '{"k":{}}'}.items():
        yield with_one(f"metadata {name}", f'{{"__metadata__":{text},"a":{ONE}}}')
        yield f"metadata {name} alone", f'{{"__metadata__":{text}}}', b"", False
    yield with_one("metadata behind", f'{{"a":{ONE},"__metadata__":{{"k":"v"}}}}')
    yield with_one("metadata twice", f'{{"__metadata__":{{}},"__metadata__":{{}},"a":{ONE}}}')
    yield with_one("metadata key twice", f'{{"__metadata__":{{"k":"1","k":"2"}},"a":{ONE}}}', True)

    for name, space in {"spaces": "   ", "all four": " \t\r\n", "zero": "\0", "form feed": "\f", "letter": "x",
                        "second object": "{}", "comma": ","}.items():
        yield with_one(f"{name} behind", f'{{"a":{ONE}}}{space}')
        yield with_one(f"{name} before", f'{space}{{"a":{ONE}}}')
        yield with_one(f"{name} inside", f'{{"a"{space}:{ONE}}}')
    yield with_one("zero and more behind", f'{{"a":{ONE}}}\0MZ')
    yield with_one("byte order mark", "\ufeff" + f'{{"a":{ONE}}}')
    yield with_one("comment", f'{{"a":{ONE}/* */}}')

    yield with_one("name twice", f'{{"a":{ONE},"a":{ONE}}}', True)
    yield with_one("dtype twice", f'{{"a":{{"dtype":"F32",{ONE[1:]}}}')
    yield with_one("another key", f'{{"a":{{"x":[[1]],{ONE[1:]}}}', True)
    yield with_one("a list", '{"a":["F32",[1],[0,4]]}', True)
    yield with_one("null", '{"a":null}')
    yield with_one("no dtype", '{"a":{"shape":[1],"data_offsets":[0,4]}}')
    yield with_one("no shape", '{"a":{"dtype":"F32","data_offsets":[0,4]}}')
    yield with_one("no offsets", '{"a":{"dtype":"F32","shape":[1]}}')
    for name in ("", " ", "a.b", "\u00e4\U0001f9f5", "\\u0000", "\\ud83e\\uddf5", "\\ud800", "\x01", "\x7f"):
        yield with_one(f"name {name!r}", f'{{"{name}":{ONE}}}')

    for shape in ("[-1]", "[-0]", "[1.0]", "[1e0]", '["1"]', "[true]", "[null]", "[[1]]", "{}", "1", "null",
                  "[18446744073709551616]", "[01]", "[4,4]", "[2]", "[0]", "[9223372036854775808]"):
        yield with_one(f"shape {shape}", f'{{"a":{{"dtype":"F32","shape":{shape},"data_offsets":[0,4]}}}}')
    for offsets in ("[0]", "[0,4,4]", "[4,0]", "[0,8]", "[-4,0]", "[0,4.0]", "[4,8]", "[1,5]", "[0,3]",
                    "[0,18446744073709551615]", "[18446744073709551612,0]", "{}", "null"):
        yield with_one(f"offsets {offsets}", f'{{"a":{{"dtype":"F32","shape":[1],"data_offsets":{offsets}}}}}')
    for sizes, stricter in {"2,18446744073709551614": False, "2,9223372036854775807": False,
                            "4294967296,4294967296": False, "4294967296,4294967296,0": False,
                            "0,4294967296,4294967296": False, "9223372036854775807,0": False,
                            "0,18446744073709551615": True}.items():
        yield (f"sizes {sizes}", f'{{"a":{{"dtype":"I32","shape":[{sizes}],"data_offsets":[0,0]}}}}', b"", stricter)

    def two(label, first, second, size, **more):
        a, b = entry("U8", [first[1] - first[0]], *first), entry("U8", [second[1] - second[0]], *second)
        return label, f'{{"b":{b},"a":{a}}}', b"\1" * size, more.get("stricter", False)

    yield two("in order", (0, 2), (2, 5), 5)
    yield two("in another order", (3, 5), (0, 3), 5)
    yield two("hole", (0, 2), (3, 5), 5)
    yield two("hole at the begin", (1, 2), (2, 5), 5)
    yield two("overlap", (0, 3), (2, 5), 5)
    yield two("the same bytes", (0, 4), (0, 4), 4)
    yield two("bytes behind", (0, 2), (2, 4), 5)
    yield two("bytes missing", (0, 2), (2, 5), 4)
    yield two("empty between", (2, 2), (0, 2), 2)
    yield two("empty inside", (1, 1), (0, 2), 2)
    yield two("empty twice", (0, 0), (0, 0), 0)
    many = ",".join(f'"t{i}":{entry("U8", [1], i, i + 1)}' for i in range(2000))
    yield "2000 tensors", "{" + many + "}", b"\1" * 2000, False
    all_at_zero = ",".join(f'"t{i}":{entry("F32", [2, 2], 0, 16)}' for i in range(10))
    yield "ten tensors of the same bytes", "{" + all_at_zero + "}", b"\0" * 16, False
    yield with_one("deep", '{"a":' + "[" * 100000)


def file_of(header, data):
    text = header if isinstance(header, bytes) else header.encode("utf-8", "surrogatepass")
    return struct.pack("<Q", len(text)) + text + data


def raw_files():
    """Files whose length of the header is wrong."""
    good = file_of(f'{{"a":{ONE}}}', b"\0" * 4)
    yield "no bytes", b""
    yield "7 bytes", b"\0" * 7
    yield "header longer than the file", struct.pack("<Q", 1000) + good[8:]
    yield "header too long", struct.pack("<Q", 0xFFFFFF000000003C) + good[8:]
    yield "header of 2^64 - 1", b"\xff" * 8 + good[8:]
    yield "length alone", struct.pack("<Q", 60)
    for size in range(8, len(good)):
        yield f"cut at {size}", good[:size]


def verdict(content):
    try:
        tensors = safetensors.deserialize(content)
    except safetensors.SafetensorError:
        return None
    found = []
    for name, about in tensors:
        code = CODES[about["dtype"]]
        data = bytes(about["data"])
        values = None
        if code is not None:
            values = [float(v) for v in struct.unpack(f"<{len(data) // struct.calcsize(code)}{code}", data)]
            if any(v != v or v in (float("inf"), -float("inf")) for v in values):
                values = None
        found.append({"name": name, "dtype": about["dtype"], "shape": about["shape"], "values": values})
    return sorted(found, key=lambda tensor: tensor["name"])


def main():
    folder = pathlib.Path(sys.argv[1])
    files = [(label, file_of(header, data), stricter) for label, header, data, stricter in cases()]
    files += [(label, content, False) for label, content in raw_files()]
    listed = []
    for number, (label, content, stricter) in enumerate(files):
        name = f"{number}.safetensors"
        (folder / name).write_bytes(content)
        listed.append({"label": label, "file": name, "stricter": stricter, "tensors": verdict(content)})
    (folder / "cases.json").write_text(json.dumps(listed))


main()
