# SPDX-License-Identifier: Apache-2.0
"""Works with sizes, such as "mlp:batch=64,width=512,depth=3", as bench/weft_bench.cpp reads them.

`depth` counts the linear layers of an MLP, and a CNN has `width` channels after its first
convolution. This module imports nothing, so that it can be tested without PyTorch.
"""
SIZES = {"mlp": {"batch": 64, "width": 512, "depth": 3}, "cnn": {"batch": 64, "width": 32}}
MOST_SAMPLES = 4096  # held in memory, at least two batches


def read(work):
    """(kind, sizes) of a work; raises ValueError with one sentence."""
    kind, _, text = work.partition(":")
    if kind not in SIZES:
        raise ValueError(f"'{work}' is no work with sizes; mlp:SIZES or cnn:SIZES is required")
    sizes = dict(SIZES[kind])
    for item in text.split(",") if text else []:
        key, _, value = item.partition("=")
        if key not in sizes or not value.isdecimal() or not 1 <= int(value) <= 1 << 20:
            raise ValueError(f"'{item}' given in the work '{work}'; a key of {', '.join(sorted(sizes))} and a number "
                             "from 1 to 1048576, such as width=64, is required")
        sizes[key] = int(value)
    return kind, sizes


def name(kind, **sizes):
    return f"{kind}:" + ",".join(f"{key}={value}" for key, value in sizes.items())


def products(work):
    """Multiplications of one sample's forward pass, of 28 × 28 pixels and 10 classes."""
    kind, sizes = read(work)
    width = sizes["width"]
    if kind == "mlp":
        hidden = [width] * (sizes["depth"] - 1)
        return sum(a * b for a, b in zip([784, *hidden], [*hidden, 10]))
    return 784 * 9 * width + 196 * 9 * width * 2 * width + 49 * 2 * width * 4 * width + 4 * width * 10


def parameters(work):
    kind, sizes = read(work)
    width = sizes["width"]
    if kind == "mlp":
        return products(work) + width * (sizes["depth"] - 1) + 10
    return 9 * width + 18 * width * width + 392 * width * width + 40 * width + 2 * 3 * width + 4 * width + 10
