#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/photos.json: JPEG files of every kind with their pixels, and pictures with
what they become in other sizes. Usage: make_photos.py (needs Pillow, whose values these are).
Sizes of which one grows and the other shrinks depend on Pillow's version and are left out."""
import io
import json
import pathlib
import random

from PIL import Image

FILTERS = {"box": Image.Resampling.BOX, "bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}


def smooth(width, height, mode, rng):
    """A small picture of few colours, enlarged: JPEG is made for such ones."""
    channels = len(mode) if mode != "L" else 1
    small = Image.frombytes(mode, (3, 3), bytes(rng.randrange(256) for _ in range(9 * channels)))
    return small.resize((width, height), Image.Resampling.BICUBIC)


def photos(rng):
    for name, mode, size, options in (
            ("444", "RGB", (17, 11), {"subsampling": 0}), ("422", "RGB", (17, 11), {"subsampling": 1}),
            ("420", "RGB", (17, 11), {"subsampling": 2}), ("420_even", "RGB", (32, 16), {"subsampling": 2}),
            ("progressive", "RGB", (20, 20), {"progressive": True}), ("low", "RGB", (16, 16), {"quality": 5}),
            ("grey", "L", (9, 14), {}), ("one_pixel", "RGB", (1, 1), {}), ("restarts", "RGB", (40, 8), {"restart_marker_blocks": 1})):
        file = io.BytesIO()
        smooth(*size, mode, rng).save(file, "JPEG", **({"quality": 80} | options))
        read = Image.open(io.BytesIO(file.getvalue()))
        rgb = read.convert("RGB")
        yield {"name": name, "width": size[0], "height": size[1], "jpeg": file.getvalue().hex(),
               "rgb": rgb.tobytes().hex(), "grey": rgb.convert("L").tobytes().hex()}


def resizes(rng):
    for mode, channels in (("L", 1), ("RGB", 3)):
        for width, height in ((1, 1), (7, 5), (16, 9)):
            picture = Image.frombytes(mode, (width, height), bytes(rng.randrange(256) for _ in range(width * height * channels)))
            for name, method in FILTERS.items():
                for to in ((1, 1), (3, 8), (16, 9)):
                    yield {"channels": channels, "from": [height, width], "to": [to[1], to[0]], "filter": name,
                           "pixels": picture.tobytes().hex(), "resized": picture.resize(to, method).tobytes().hex()}


def main():
    rng = random.Random(1)
    path = pathlib.Path(__file__).with_name("photos.json")
    path.write_text(json.dumps({"photos": list(photos(rng)), "resizes": list(resizes(rng))}, indent=0) + "\n")


main()
