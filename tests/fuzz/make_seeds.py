#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes inputs for the fuzz targets.

    tests/fuzz/make_seeds.py               the binary seeds in tests/fuzz/seeds, again
    tests/fuzz/make_seeds.py --large DIR   the large inputs, up to 1 MiB; they are not in the tree

A seed whose name begins with `bad` must be refused, and every other one taken (tools/fuzz.py). A
large input may be either; it asks whether time and memory stay bounded.
"""
import gzip
import hashlib
import json
import struct
import sys
import zlib
from pathlib import Path

MOST = 1 << 20
SEEDS = Path(__file__).resolve().parent / "seeds"


def safetensors(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text)) + text + data


def tensor(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def manifest(files):
    """As train/checkpoint/manifest.cpp writes it."""
    text = {"schema": 1, "files": {name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
                                   for name, data in sorted(files.items())}}
    own = hashlib.sha256(json.dumps(text, separators=(",", ":")).encode()).hexdigest()
    return (json.dumps(text | {"sha256": own}, indent=1) + "\n").encode()


# What tests/fuzz/trainer_state.cpp loads.
EVERY_TYPE = {"on": True, "small": 1, "wide": -5, "draws": 7, "best": "nan", "name": "x", "average": "tensor f32 (2, 3)",
              "free": "tensor int64 (4)", "inner": {"steps": 1, "losses": [0.5, "inf"]},
              "list": [{"steps": 2, "losses": []}], "maybe": None, "counts": {"a": 1}, "seed": 7}
WITHOUT_TENSORS = {"average": "tensor f32 (2, 3)", "free": None}


def state(**changes):
    base = {"schema": 2, "epoch": 0, "batch": 0, "step": 0, "samples": 0, "ended": "", "metrics": {}, "environment": {},
            "logs": {}, "config": "", "state": {}}
    return json.dumps(base | changes).encode()


def idx(sizes, data):
    return struct.pack(">I", 0x800 | len(sizes)) + b"".join(struct.pack(">I", size) for size in sizes) + data


def frame(kind, number=0, payload=b""):
    """Of a stream, as data/stream/protocol.h says."""
    return struct.pack("<4sIQ", kind, len(payload), number) + payload


def journal(*records, size=8):
    """A file of a journal, as data/stream/journal.cpp writes it, of (producer, number, bytes)."""
    data = struct.pack("<8sqq", b"weftrec1", size, 0)
    for producer, number, record in records:
        entry = struct.pack("<IQ", producer, number) + record
        data += struct.pack("<I", zlib.crc32(entry)) + entry
    return data


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(width, height, depth, colour, rows, interlaced=0, before=b"", after=b""):
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + before + chunk(b"IDAT", zlib.compress(rows, 9)) + after
            + chunk(b"IEND", b""))


STAMP = b"weft plugin 1\nversion=weft 0.1.0\ncompiler=g++ 12\nlibrary=libstdc++ 12 of ABI 1\nbuild=plain containers\ndevices=CPU\n"


def library(stamp=STAMP, names=b"\0.names\0.weft_plugin\0", sections=3, name=8, machine=62):
    """A shared library of x86-64 with the sections: none, their names, the stamp."""
    table, at = 64, 64 + 3 * 64
    header = struct.pack("<4s5B7xHHIQQQIHHHHHH", b"\x7fELF", 2, 1, 1, 0, 0, 3, machine, 1, 0, 0, table, 0, 64, 0, 0, 64,
                         sections, 1)
    rows = [(0,) * 10, (1, 3, 0, 0, at, len(names), 0, 0, 1, 0),
            (name, 1, 0, 0, at + len(names), len(stamp), 0, 0, 1, 0)]
    return header + b"".join(struct.pack("<IIQQQQIIQQ", *row) for row in rows) + names + stamp


def packed(data):
    return gzip.compress(data, 9, mtime=0)


def small():
    weights = {"__metadata__": {"format": "pt"}, "a.weight": tensor("F32", [2, 2], 0, 16), "b": tensor("U8", [3], 16, 19)}
    images, labels = idx([2, 28, 28], bytes(2 * 784)), idx([2], b"\x03\x09")
    record = bytes([7]) + bytes(range(256)) * 12
    yield "safetensors/two", safetensors(weights, bytes(19))
    yield "safetensors/empty", safetensors({})
    yield "safetensors/scalars", safetensors({"h": tensor("F16", [], 0, 2), "i": tensor("I64", [1], 2, 10)}, bytes(10))
    yield "safetensors/bad_hole", safetensors({"a": tensor("U8", [1], 1, 2)}, bytes(2))
    yield "safetensors/bad_size", safetensors({"a": tensor("F64", [1 << 62, 8], 0, 0)})
    yield "manifest/exact", manifest({"model.safetensors": b"some weights"})
    yield "manifest/bad_missing", manifest({"optimizer.safetensors": b"", "model.safetensors": b"some weights"})
    yield "manifest/bad_hash", manifest({"model.safetensors": b"some weights"}).replace(b"schema", b"Schema")
    yield "manifest/lines", b"#model.safetensors 12 " + hashlib.sha256(b"some weights").hexdigest().encode()
    yield "manifest/bad_lines", b"#../model.safetensors 12 abc\nmodel.safetensors -1 "
    yield "manifest/bad_long_name", b"#" + b"x" * 300 + b" 4 abc"
    yield "trainer_state/every_type", state(state={"trainer": EVERY_TYPE}, metrics={"validation/loss": 0.5, "b": None})
    yield "trainer_state/bad_two_parts", state(state={"trainer": EVERY_TYPE, "callbacks.0.ema": EVERY_TYPE | WITHOUT_TENSORS},
                                           logs={"metrics.jsonl": 10, "metrics.csv": 20}, environment={"threads": "2"})
    yield "trainer_state/bad_types", state(state={"trainer": {key: "x" for key in EVERY_TYPE}})
    yield "trainer_state/bad_no_part", state()
    yield "trainer_state/bad_schema", state(schema=1)
    yield "idx/images", images
    yield "idx/labels", labels
    yield "idx/none", idx([0], b"")
    yield "idx/bad_promise", idx([0xFFFFFFFF, 0xFFFFFFFF], b"x")
    yield "idx_gz/images", packed(images)
    yield "idx_gz/labels_in_the_target", b"#" + labels
    yield "idx_gz/bad_cut", packed(images)[:-6]
    yield "idx_gz/bad_checksum", packed(labels)[:-8] + bytes(8)
    yield "cifar/two", record + record
    yield "cifar/bad_label", bytes([10]) + record[1:]
    yield "cifar/bad_short", record[:-1]
    yield "plugin/exact", library()
    yield "plugin/other_build", library(STAMP.replace(b"12", b"13") + b"more=1\n\0\0")
    yield "plugin/bad_section", library(names=b"\0.names\0.weft_plugins\0")
    yield "plugin/bad_stamp", library(b"\x1b[2J")
    yield "plugin/bad_count", library(sections=100)
    yield "plugin/bad_cut", library()[:-1]
    point = safetensors({"y": tensor("I64", [], 0, 8), "x": tensor("F32", [2], 8, 16)}, bytes(8) + struct.pack("<ff", 1, 2))
    hello = frame(b"HELO", 1, b"producer-1")
    yield "stream/records", hello + frame(b"RECD", 1, point) + frame(b"RECD", 2, point) + frame(b"ENDS")
    yield "stream/answers", frame(b"WELC", 3, b"{}") + frame(b"ACKN", 4) + frame(b"REFU", 5, b"no") + frame(b"OVER")
    yield "stream/half", hello + frame(b"RECD", 1, point)[:-3]
    yield "stream/bad_kind", b"GET / HTTP/1.1\r\n\r\n"
    yield "stream/bad_size", struct.pack("<4sIQ", b"RECD", 0xFFFFFFFF, 1)
    yield "stream/bad_name", frame(b"HELO", 1, b"../a")
    yield "stream/bad_shape", hello + frame(b"RECD", 1, safetensors({"x": tensor("F32", [3], 0, 12)}, bytes(12)))
    yield "stream_journal/two", b"producer a\nproducer b\nend a\n\n%%\n" + journal((0, 1, bytes(8)), (1, 7, bytes(range(8))))
    yield "stream_journal/cut", b"producer a\nprod\n%%\n" + journal((0, 1, bytes(8)), (0, 2, bytes(8)))[:-3]
    yield "stream_journal/bad_producers", b"hello\n\n%%\n" + journal()
    yield "stream_journal/bad_size", b"producer a\n%%\n" + journal(size=9)
    yield "csv/numbers", b"a,b,y\n1,2,3\n4.5,NA,-1e3\n"
    yield "csv/names", b'\xef\xbb\xbf"a",y\r\n1,"x,\n""y"""\r\n2,z\r\n'
    yield "csv/bad_short", b"a,b,y\n1,2\n"
    yield "csv/bad_quote", b'a,y\n1,"2\n'
    photos = json.loads((SEEDS.parents[1] / "golden/photos.json").read_text())["photos"]
    for photo in photos:
        if photo["name"] in ("420", "progressive", "grey", "restarts"):
            yield f"jpeg/{photo['name']}", bytes.fromhex(photo["jpeg"])
    yield "jpeg/bad_cut", bytes.fromhex(photos[0]["jpeg"])[:-20]
    yield "png/grey", png(2, 2, 8, 0, b"\0ab\0cd")
    yield "png/bits", png(9, 2, 1, 0, b"\0\xa5\x80\0\x5a\0")
    yield "png/colour_16", png(1, 1, 16, 2, b"\0abcdef")
    yield "png/alpha", png(1, 2, 8, 6, b"\0rgba\1rgba", before=chunk(b"gAMA", struct.pack(">I", 45455)))
    yield "png/grey_alpha_16", png(1, 1, 16, 4, b"\0abcd")
    yield "png/palette", png(4, 1, 2, 3, b"\0\x1b", before=chunk(b"PLTE", bytes(range(12))) + chunk(b"tRNS", b"\x80"))
    yield "png/interlaced", png(3, 3, 8, 0, b"\0a\0b\0cd\0e\0f\0ghi", 1)
    yield "png/bad_cut", png(2, 2, 8, 0, b"\0ab\0cd")[:40]
    yield "png/bad_length", b"\x89PNG\r\n\x1a\n\x7f\xff\xff\xffIHDR"


def filled(begin, item, end, most=MOST):
    """As many items as fit; `item` gets their number."""
    parts, size, count = [begin], len(begin) + len(end), 0
    while True:
        part = item(count)
        size += len(part)
        if size > most:
            return b"".join(parts) + end
        parts.append(part)
        count += 1


def json_texts():
    half = MOST // 2 - 64
    yield "deep_lists", b"[" * half + b"]" * half
    yield "deep_objects", b'{"a":' * (MOST // 6 - 16) + b"1" + b"}" * (MOST // 6 - 16)
    yield "open_lists", b"[" * (MOST - 64)
    yield "many_keys", filled(b"{", lambda i: b'"k%d":0,' % i, b'"z":0}', MOST - 64)
    yield "same_key", filled(b"{", lambda _: b'"k":0,', b'"z":0}', MOST - 64)
    yield "long_text", b'"' + b"\\u0001" * (MOST // 6 - 64) + b'"'
    yield "long_number", b"9" * (MOST - 64)
    yield "many_numbers", b"[" + b"1e308," * (MOST // 6 - 64) + b"1]"


def large_yaml():
    room = MOST - 64
    yield "alias_bomb", b"a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + b"".join(
        b"a%d: &a%d [%s]\n" % (i, i, b",".join([b"*a%d" % (i - 1)] * 9)) for i in range(1, 30))
    yield "many_aliases", filled(b"names: &n [x,x,x,x,x,x,x,x]\nrun: [", lambda _: b"*n,", b"]\n", room)
    yield "long_alias", b"names: [&a " + b"x" * (room // 2) + b"," + b"*a," * (room // 8) + b"]\n"
    yield "many_anchors", filled(b"names: [", lambda i: b"&a%d x," % i, b"]\n", room)
    yield "deep_flow", b"data: " + b"[" * room
    yield "deep_flow_maps", b"data: " + b"{a: " * (room // 4)
    yield "deep_block", filled(b"", lambda i: b" " * i + b"a:\n", b"", room)
    yield "deep_dashes", b"- " * (room // 2)
    yield "unknown_keys", filled(b"data: a\n", lambda i: b"key_number_%d: 1\n" % i, b"", room)
    yield "same_keys", filled(b"data: a\n", lambda i: b"k: 1\n", b"", room)
    yield "bad_values", filled(b"data: a\nchain:\n", lambda i: b"- {type: a, lr: -%d}\n" % i, b"", room)
    yield "long_key", b"data: a\n" + b"k" * room + b": 1\n"
    yield "long_type", b"data: {type: " + b"k" * (room - 32) + b"}\n"
    yield "long_word", b"data: a\nrun: {mode: " + b"firs" * (room // 4 - 32) + b"}\n"
    yield "long_number", b"data: a\nrun: {seed: " + b"9" * (room - 64) + b"}\n"
    yield "long_list", b"data: a\nnames: [" + b"x," * (room // 2 - 32) + b"]\n"
    yield "many_parts", filled(b"data: a\nchain: [", lambda _: b"a,", b"]\n", room)
    yield "quoted", b'data: a\nnames: ["' + b"\\x01" * (room // 4 - 32) + b'"]\n'
    yield "folded", b"data: a\nnames: [>-\n" + b" x\n" * (room // 3 - 32)
    yield "variables", b"data: a\nnames: [" + b'"${env:HOME}",' * (room // 14 - 32) + b"]\n"
    yield "nested_variables", b'data: a\nnames: ["' + b"${env:" * (room // 6 - 32) + b'"]\n'
    yield "comments", b"data: a\n" + b"#\n" * (room // 2 - 16)
    yield "documents", b"---\n" * (room // 4)
    yield "defaults", b"defaults: [" + b"base, " * (room // 6 - 32) + b"]\ndata: a\n"
    yield "question_marks", b"? " * (room // 2)
    yield "many_overrides", filled(b"data: a\n%%\n", lambda i: b"names=[%d]\n" % i, b"", room)
    yield "growing_list", filled(b"data: a\n%%\n", lambda i: b"+names=x\n", b"", room)
    yield "bad_overrides", filled(b"data: a\n%%\n", lambda i: b"~key_%d\n" % i, b"", room)
    yield "long_path", b"data: a\n%%\n" + b"a." * (room // 2 - 32) + b"a=1"
    yield "long_value", b"data: a\n%%\nnames=" + b"[" * (room - 32)


def large_pngs():
    huge = 16384
    side = 8000
    yield "promises", png(huge, huge, 8, 0, b"")
    yield "wide", png((1 << 31) - 1, 1, 1, 0, b"\0")
    yield "bomb", png(side, side, 8, 2, bytes(side * (1 + 3 * side)))[:MOST]
    yield "many_chunks", png(1, 1, 8, 0, b"\0a", before=chunk(b"tEXt", b"a\0b") * 60000)
    yield "text_bombs", png(1, 1, 8, 0, b"\0a", before=chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(1 << 24), 9)) * 50)
    yield "colour_profile", png(1, 1, 8, 2, b"\0abc", before=chunk(b"iCCP", b"a\0\0" + zlib.compress(bytes(1 << 28), 9)))
    yield "many_data_chunks", png(1, 1, 8, 0, b"\0a", after=chunk(b"IDAT", b"") * 80000)


def large_jpegs():
    """A few bytes that ask for many pixels, or for many passes over them."""
    photos = {photo["name"]: bytes.fromhex(photo["jpeg"])
              for photo in json.loads((SEEDS.parents[1] / "golden/photos.json").read_text())["photos"]}
    progressive = photos["progressive"]
    frame, scan = progressive.index(b"\xff\xc2"), progressive.rindex(b"\xff\xda")
    large_frame = progressive[:frame + 5] + struct.pack(">HH", 4096, 4096) + progressive[frame + 9:]
    last_scan = large_frame[scan:-2]
    yield "many_scans", large_frame[:-2] + last_scan * ((MOST - len(large_frame)) // len(last_scan))
    yield "many_pixels", large_frame + bytes(MOST - len(large_frame))
    yield "long_comment", photos["420"][:2] + (b"\xff\xfe\xff\xff" + bytes(65533)) * 15 + photos["420"][2:]


def large():
    numbers = b",".join(b"%d" % i for i in range(150000))
    yield "safetensors/many", filled_header(lambda i: b'"t%d":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}' % i)
    yield "safetensors/many_metadata", safetensors({"__metadata__": {f"k{i}": "v" for i in range(50000)}})
    yield "safetensors/long_name", safetensors({"n" * (MOST - 100): tensor("U8", [0], 0, 0)})
    yield "safetensors/long_shape", safetensors(b'{"a":{"dtype":"U8","shape":[' + numbers + b'],"data_offsets":[0,0]}}')
    yield "safetensors/long_dtype", safetensors({"a": tensor("X" * (MOST - 100), [0], 0, 0)})
    yield "safetensors/one_tensor", safetensors({"a": tensor("U8", [MOST - 128], 0, MOST - 128)}, bytes(MOST - 128))
    for name, text in json_texts():
        yield f"safetensors/{name}", safetensors(text[:MOST - 8])
        yield f"safetensors/{name}_in_an_object", safetensors(b'{"a":' + text[:MOST - 16] + b"}")
        yield f"json/{name}", text
        yield f"manifest/{name}", text
        yield f"trainer_state/{name}", text
        yield f"trainer_state/{name}_in_state", state(state={"trainer": 0}).replace(b": 0}}", b": " + text + b"}}")[:MOST]
        for part in range(1, 4):
            good = [b"model: mlp\n", b'{"sample":[4],"dtype":"f32","outputs":2}', b'{"mean":[],"std":[]}', b"[]"]
            yield f"model_card/{name}_{part}", b"\n%%\n".join(good[:part] + [text] + good[part + 1:])[:MOST]
    yield "manifest/many_files", filled(b"#", lambda i: b"f%d 1 a\n" % i, b"")
    yield "trainer_state/many_logs", state(logs={f"log{i}": i for i in range(50000)})
    yield "trainer_state/many_metrics", state(metrics={f"m{i}": i for i in range(50000)})
    yield "trainer_state/many_parts", state(state={f"p{i}": {} for i in range(40000)})
    yield "trainer_state/long_list", state(state={"trainer": {"list": [{"steps": i, "losses": []} for i in range(20000)]}})
    yield "trainer_state/many_counts", state(state={"trainer": {"counts": {f"c{i}": i for i in range(50000)}}})
    yield "trainer_state/many_unknown", state(state={"trainer": {f"c{i}": i for i in range(50000)}})
    for name, text in large_yaml():
        yield f"config/{name}", text
        yield f"model_card/yaml_{name}", text.split(b"\n%%\n")[0]
    yield "idx/images", idx([1300, 28, 28], bytes(1300 * 784))
    yield "idx_gz/bomb", packed(idx([1 << 27], bytes(1 << 27)))
    yield "idx_gz/many_members", packed(b"") * (MOST // 20)
    yield "idx_gz/promises", packed(idx([1 << 29], b"")) + bytes(MOST - 100)
    names = b"\0" + b".weft_plugi" * (MOST // 11 - 64)
    yield "plugin/long_names", library(names=names)[:MOST]
    yield "plugin/many_sections", library(sections=4096)[:64] + struct.pack("<IIQQQQIIQQ", 1, 3, 0, 0, 64, 4, 0, 0, 1, 0) * 4096
    yield "cifar/records", (bytes([9]) + bytes(3072)) * 341
    for name, data in large_pngs():
        yield f"png/{name}", data
    yield "csv/many_columns", filled(b"a", lambda i: b",%d" % i, b"\n", MOST // 2) + b"1" + filled(
        b"", lambda i: b",%d" % i, b"\n", MOST // 2 - 16)
    yield "csv/many_rows", filled(b"a,y\n", lambda i: b"%d,%d\n" % (i, i % 7), b"")
    yield "csv/many_classes", filled(b"a,y\n", lambda i: b"1,c%d\n" % i, b"")
    yield "csv/one_field", b'a,y\n1,"' + b'""' * (MOST // 2 - 8) + b'"\n'
    yield "csv/separators", b"," * (MOST - 8)
    for name, data in large_jpegs():
        yield f"jpeg/{name}", data
    yield "printable/controls", bytes(range(1, 32)) * (MOST // 31)
    yield "printable/marks", b"\xe2\x80\xae\xff\xc3" * (MOST // 5)
    yield "duration/digits", b"9" * (MOST - 2) + b"ep"
    yield "duration/zeros", b"0." + b"0" * (MOST - 8) + b"1ep"
    yield "glob/stars", b"*a" * (MOST // 4) + b"\n%%\n" + filled(b"", lambda _: b"a" * 199 + b"\n", b"", MOST // 4)
    yield "glob/patterns", b"*\n" * (MOST // 2 - 32) + b"\n%%\na\nb"
    yield "glob/unmatched", b"x" * (MOST - 32) + b"\n%%\na\nb"
    yield "text/long", b"8\n" + bytes(MOST - 2)
    yield "text/wide", b"1000000\n" + bytes(MOST - 8)
    yield "text/many_characters", filled(b"8 1 characters each\n", lambda i: chr(0x4e00 + i % 20000).encode(), b"")
    yield "metrics/long_line", b"metrics.jsonl 900000\n%%\n" + b"x" * (MOST - 64) + b"\n%%\n"
    yield "metrics/many_lines", b"metrics.jsonl 900000\n%%\n" + b"{}\n" * (MOST // 3 - 64) + b"\n%%\n"
    yield "metrics/many_columns", b"metrics.csv 900000\n%%\n\n%%\n" + b"a," * (MOST // 2 - 64) + b"\n"


def filled_header(item):
    text = filled(b"{", lambda i: (b"," if i else b"") + item(i), b"}", MOST - 8)
    return safetensors(text)


def main():
    to, inputs = (Path(sys.argv[2]), large()) if sys.argv[1:2] == ["--large"] else (SEEDS, small())
    for name, data in inputs:
        assert len(data) <= MOST or name.startswith("png/"), f"{name} has {len(data)} bytes"
        path = to / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data[:MOST])


if __name__ == "__main__":
    main()
