#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes tests/golden/pictures.json: small PNG files of every kind with the values that weft reads.

Usage: make_pictures.py (needs Pillow). The values follow the rules of data/image_file.h and are
compared with Pillow's. They are equal for up to 8 bits, and for 16 bits that repeat 8. Other values
of 16 bits may differ by 1, and by 2 with an alpha channel, because Pillow keeps their high byte.
"""
import io
import json
import pathlib
import random
import struct
import zlib

from PIL import Image

GREY, RGB, PALETTE, GREY_ALPHA, RGBA = 0, 2, 3, 4, 6
CHANNELS = {GREY: 1, RGB: 3, PALETTE: 1, GREY_ALPHA: 2, RGBA: 4}
NAMES = {GREY: "grey", RGB: "rgb", PALETTE: "palette", GREY_ALPHA: "grey_alpha", RGBA: "rgba"}
DEPTHS = {GREY: (1, 2, 4, 8, 16), RGB: (8, 16), PALETTE: (1, 2, 4, 8), GREY_ALPHA: (8, 16), RGBA: (8, 16)}
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def packed_row(samples, depth):
    """The bytes of a row of samples."""
    if depth == 16:
        return b"".join(struct.pack(">H", s) for s in samples)
    if depth == 8:
        return bytes(samples)
    bits = "".join(f"{s:0{depth}b}" for s in samples)
    bits += "0" * (-len(bits) % 8)
    return bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))


def paeth(a, b, c):
    p = a + b - c
    nearest = min((abs(p - a), 0, a), (abs(p - b), 1, b), (abs(p - c), 2, c))
    return nearest[2]


def filtered(row, above, step, kind):
    out = bytearray([kind])
    for i, x in enumerate(row):
        a = row[i - step] if i >= step else 0
        b = above[i]
        c = above[i - step] if i >= step else 0
        out.append((x - (0, a, b, (a + b) // 2, paeth(a, b, c))[kind]) % 256)
    return bytes(out)


def rows_of(pixels, width, height, color, depth, rng):
    """One pass: the filtered rows."""
    step = max(1, CHANNELS[color] * depth // 8)
    above, out = None, b""
    for y in range(height):
        row = packed_row([s for x in range(width) for s in pixels[y][x]], depth)
        above = above if above is not None else bytes(len(row))
        out += filtered(row, above, step, rng.randrange(5))
        above = row
    return out


def png(pixels, color, depth, interlaced, rng, chunks=()):
    height, width = len(pixels), len(pixels[0])
    raw = b""
    if interlaced:
        for x0, y0, dx, dy in ADAM7:
            part = [line[x0::dx] for line in pixels[y0::dy]]
            if part and part[0]:
                raw += rows_of(part, len(part[0]), len(part), color, depth, rng)
    else:
        raw = rows_of(pixels, width, height, color, depth, rng)
    data = zlib.compress(raw)
    header = struct.pack(">IIBBBBB", width, height, depth, color, 0, 0, int(interlaced))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(chunk(k, d) for k, d in chunks) +
            chunk(b"IDAT", data[:20]) + chunk(b"IDAT", data[20:]) + chunk(b"IEND", b""))


def to_8_bits(sample, depth):
    return (sample + 128) // 257 if depth == 16 else sample * 255 // (2**depth - 1)


def expected(pixels, color, depth, palette, transparent):
    """Red, green and blue of each pixel on black, by the rules of weft."""
    out = []
    for line in pixels:
        for pixel in line:
            alpha = 255
            if color == PALETTE:
                rgb = palette[pixel[0]]
                if transparent is not None and pixel[0] < len(transparent):
                    alpha = transparent[pixel[0]]
            else:
                values = [to_8_bits(s, depth) for s in pixel]
                rgb = values[:3] if color in (RGB, RGBA) else [values[0]] * 3
                if color in (GREY_ALPHA, RGBA):
                    alpha = values[-1]
                elif transparent is not None and tuple(pixel) == tuple(transparent):
                    alpha = 0
            out.append([(2 * v * alpha + 255) // 510 for v in rgb])
    return out


def grey_of(rgb):
    return (19595 * rgb[0] + 38470 * rgb[1] + 7471 * rgb[2] + 0x8000) >> 16


def by_pillow(content, depth):
    image = Image.open(io.BytesIO(content))
    if image.mode.startswith("I"):  # 16-bit grey, of which it keeps all bits
        key = image.info.get("transparency")
        values = [v // 256 if v != key else 0 for v in image.get_flattened_data()]
        return [[v] * 3 for v in values], values
    black = Image.new("RGBA", image.size, (0, 0, 0, 255))
    black.alpha_composite(image.convert("RGBA"))
    rgb = black.convert("RGB")
    return [list(p) for p in rgb.get_flattened_data()], list(rgb.convert("L").get_flattened_data())


def compare(name, mine, pillow, allowed):
    worst = max(abs(a - b) for a, b in zip(mine, pillow, strict=True))
    assert worst <= allowed, f"{name}: differs from Pillow by {worst}"


def cases():
    rng = random.Random(1)
    for color, depths in DEPTHS.items():
        for depth in depths:
            for interlaced in (False, True):
                for variant in ("plain", "trns", "gama") + (("repeated",) if depth == 16 else ()):
                    if variant == "trns" and color in (GREY_ALPHA, RGBA):
                        continue
                    width, height = rng.choice([(7, 5), (9, 8), (3, 11), (1, 1)]) if variant == "plain" else (6, 5)
                    most = 2**depth - 1
                    pixels = [[[rng.randint(0, most) for _ in range(CHANNELS[color])] for _ in range(width)]
                              for _ in range(height)]
                    if variant == "repeated":
                        pixels = [[[s % 256 * 257 for s in pixel] for pixel in line] for line in pixels]
                    chunks, palette, transparent = [], None, None
                    if variant == "gama":
                        chunks.append((b"gAMA", struct.pack(">I", rng.choice([100000, 45455, 220000]))))
                        chunks.append((b"sBIT", bytes([1] * (3 if color == PALETTE else CHANNELS[color]))))
                    if color == PALETTE:
                        palette = [[rng.randint(0, 255) for _ in range(3)] for _ in range(most + 1)]
                        chunks.append((b"PLTE", bytes(v for entry in palette for v in entry)))
                    if variant == "trns" and color == PALETTE:
                        transparent = [rng.choice([0, 128, 255, rng.randint(0, 255)]) for _ in range(most // 2 + 1)]
                        chunks.append((b"tRNS", bytes(transparent)))
                    elif variant == "trns":
                        transparent = pixels[2][3]
                        pixels[0][0] = list(transparent)
                        chunks.append((b"tRNS", b"".join(struct.pack(">H", s) for s in transparent)))
                    name = f"{NAMES[color]}_{depth}{'_interlaced' if interlaced else ''}_{variant}"
                    yield name, color, depth, pixels, palette, transparent, png(
                        pixels, color, depth, interlaced, rng, chunks)


def main():
    pictures = []
    for name, color, depth, pixels, palette, transparent, content in cases():
        rgb = expected(pixels, color, depth, palette, transparent)
        grey = [grey_of(p) for p in rgb]
        pillow_rgb, pillow_grey = by_pillow(content, depth)
        # Pillow compares a transparent value with values that it has brought to 8 bits before.
        if transparent is None or depth == 8 or color == PALETTE:
            allowed = 0 if depth < 16 or name.endswith("repeated") else 2 if color in (GREY_ALPHA, RGBA) else 1
            compare(name, [v for p in rgb for v in p], [v for p in pillow_rgb for v in p], allowed)
            compare(name, grey, pillow_grey, allowed)
        pictures.append({"name": name, "height": len(pixels), "width": len(pixels[0]), "png": content.hex(),
                         "rgb": bytes(v for p in rgb for v in p).hex(), "grey": bytes(grey).hex()})
    lines = ",\n".join(json.dumps(picture) for picture in pictures)
    (pathlib.Path(__file__).parent / "pictures.json").write_text(f"[{lines}]\n")
    print(f"{len(pictures)} pictures")


main()
