# SPDX-License-Identifier: Apache-2.0
"""PyTorch's sample inputs of an op (op_db) as calls of weft's op, for parity_ops_test.py.

A case is one sample: the op of weft with its tensors and its other arguments (parity_ops.cpp), and
a function that gives PyTorch's results. A sample that weft does not take is a string instead, which
says why.
"""
import dataclasses
import itertools
import math
import random
import typing

import torch
from torch.testing._internal.common_methods_invocations import op_db

SCALAR = "a scalar has no axis"
DTYPES = {torch.float32: "f32", torch.float64: "f64", torch.int64: "int64"}


@dataclasses.dataclass
class Case:
    op: str
    inputs: list
    theirs: typing.Callable
    arguments: dict = dataclasses.field(default_factory=dict)


def number_of(value, otherwise=0.5):
    """Of a tensor, the first element: where PyTorch takes a tensor, weft takes a number."""
    if not isinstance(value, torch.Tensor):
        return value
    return value.detach().flatten()[0].item() if value.numel() else otherwise


def call(op, sample):
    return lambda: op(sample.input, *sample.args, **sample.kwargs)


def named(sample, *names):
    """The arguments of a sample by name, with None for those that are not given."""
    return {name: None for name in names} | dict(zip(names, sample.args)) | sample.kwargs


def plain(weft_op):
    """An op whose arguments are all tensors."""
    return lambda op, sample: Case(weft_op, [sample.input, *sample.args], call(op, sample))


# ---- parts of an axis ----------------------------------------------------------------------------

def narrow(op, sample):
    a = named(sample, "axis", "begin", "length")
    return Case("narrow", [sample.input], call(op, sample), {name: number_of(value) for name, value in a.items()})


def slice_(op, sample):
    a = named(sample, "dim", "start", "end", "step")
    if a["step"] not in (None, 1):
        return "weft cuts out entries that are side by side"
    axis = a["dim"] or 0
    begin, end, _ = slice(a["start"], a["end"]).indices(sample.input.shape[axis])
    return Case("narrow", [sample.input], call(op, sample), {"axis": axis, "begin": begin, "length": max(0, end - begin)})


def split(op, sample):
    a = named(sample, "size", "dim")
    return Case("split", [sample.input], call(op, sample), {"size": a["size"], "axis": a["dim"] or 0})


def chunk(op, sample):
    a = named(sample, "count", "dim")
    return Case("chunk", [sample.input], call(op, sample), {"count": a["count"], "axis": a["dim"] or 0})


def joined(weft_op):
    def case(op, sample):
        axis = named(sample, "dim")["dim"] or 0
        return Case(weft_op, list(sample.input), call(op, sample), {"axis": axis})
    return case


def pad(op, sample):
    a = named(sample, "pad", "mode", "value")
    if a["mode"] not in (None, "constant"):
        return f"weft pads by a constant, not by '{a['mode']}'"
    if min(a["pad"]) < 0:
        return "weft's pad does not cut (narrow does)"
    sides = [[-1 - i, a["pad"][2 * i], a["pad"][2 * i + 1]] for i in range(len(a["pad"]) // 2)]
    return Case("pad", [sample.input], call(op, sample), {"sides": sides, "value": a["value"] or 0})


# ---- choices -------------------------------------------------------------------------------------

def chosen(weft_op):
    def case(op, sample):
        axis, index = sample.args
        if sample.input.dim() == 0:
            return SCALAR
        if index.dtype != torch.int64:
            return "weft's indices are int64"
        if weft_op == "gather":
            sizes = zip(sample.input.shape, index.shape)
            if any(x != i for other, (x, i) in enumerate(sizes) if other != axis):
                return "weft's gather needs equal sizes on the other axes"
        return Case(weft_op, [sample.input, index], call(op, sample), {"axis": axis})
    return case


def where(op, sample):
    condition, other = sample.args
    return Case("where", [condition, sample.input, other], call(op, sample))


def masked_fill(op, sample):
    mask, value = sample.args
    if mask.dim() > sample.input.dim():
        return "weft's mask broadcasts to x, and x not to the mask"
    value = number_of(value)
    return Case("masked_fill", [sample.input, mask], lambda: op(sample.input, mask, value), {"value": value})


def compared(weft_op):
    def case(op, sample):
        (other,) = sample.args
        return Case(weft_op, [sample.input.detach(), other.detach()], call(op, sample))
    return case


def one_hot(op, sample):
    classes = sample.kwargs["num_classes"]
    if classes < 0:
        return "weft asks for the number of classes"
    # weft's result is floating, for a product.
    return Case("one_hot", [sample.input], lambda: op(sample.input, classes).float(), {"classes": classes})


def arange(op, sample):
    a = named(sample, "end", "step", "dtype", "device")
    begin, end, step = (0, sample.input, 1) if a["end"] is None else (sample.input, a["end"], a["step"] or 1)
    if any(n != int(n) for n in (begin, end)) or step != 1:
        return "weft's arange counts whole numbers by one"
    result = call(op, sample)
    return Case("arange", [], result, {"begin": int(begin), "end": int(end), "dtype": DTYPES[result().dtype]})


# ---- formulas with parameters --------------------------------------------------------------------

def pow_(op, sample):
    exponent = number_of(sample.args[0])
    return Case("pow", [sample.input], lambda: op(sample.input, exponent), {"exponent": exponent})


def clamp(op, sample):
    a = named(sample, "min", "max")
    low, high = number_of(a["min"]), number_of(a["max"])
    if low is not None and high is not None:
        low, high = sorted((low, high))
    bounds = {"low": -math.inf if low is None else low, "high": math.inf if high is None else high}
    return Case("clamp", [sample.input], lambda: op(sample.input, low, high), {k: str(v) for k, v in bounds.items()})


def bound(side):
    def case(op, sample):
        limit = number_of(sample.args[0])
        bounds = {"low": "-inf", "high": "inf"} | {side: str(limit)}
        tensor = torch.tensor(limit, dtype=sample.input.dtype)
        return Case("clamp", [sample.input], lambda: op(sample.input, tensor), bounds)
    return case


# ---- reductions ----------------------------------------------------------------------------------

def axes_of(sample, dim):
    """The axes that dim means; [] means all, as None does."""
    if dim is None or (isinstance(dim, (list, tuple)) and not dim):
        return list(range(sample.input.dim()))
    return list(dim) if isinstance(dim, (list, tuple)) else [dim]


def reduced(weft_op):
    def case(op, sample):
        a = named(sample, "dim", "keepdim")
        axes = axes_of(sample, a["dim"])
        if a["dim"] is None and weft_op in ("sum", "mean"):  # a form without axes
            return Case(weft_op, [sample.input], call(op, sample))
        if sample.input.dim() == 0:
            return SCALAR
        arguments = {"axes": axes, "keepdim": bool(a["keepdim"])}
        if weft_op in ("sum", "mean") and isinstance(a["dim"], int) and a["keepdim"]:
            arguments = {"axis": a["dim"]}  # a form for one axis, which stays
        return Case(weft_op, [sample.input], call(op, sample), arguments)
    return case


def var(op, sample):
    a = {"dim": None, "keepdim": False, "correction": None, "unbiased": None} | sample.kwargs
    if sample.args:
        (a["unbiased"],) = sample.args
    correction = a["correction"] if a["correction"] is not None else int(a["unbiased"] is not False)
    arguments = {"axes": axes_of(sample, a["dim"]), "keepdim": a["keepdim"], "correction": correction}
    return Case("var", [sample.input], call(op, sample), arguments)


def of_axis(weft_op):
    """max and min along an axis, whose results keep the axis in weft."""
    def case(op, sample):
        if sample.input.dim() == 0:
            return SCALAR
        if not sample.args:
            return Case(f"a{weft_op}", [sample.input], call(op, sample),
                        {"axes": axes_of(sample, None), "keepdim": False})
        axis = sample.args[0]
        return Case(weft_op, [sample.input], lambda: op(sample.input, axis, True), {"axis": axis})
    return case


def index_of(weft_op):
    """argmax and argmin; without an axis, of the elements in one row."""
    def case(op, sample):
        if sample.input.dim() == 0:
            return SCALAR
        axis = sample.kwargs.get("dim")
        x = sample.input.detach() if axis is not None else sample.input.detach().flatten()
        axis = axis or 0
        return Case(weft_op, [x], lambda: op(x, axis, True), {"axis": axis})
    return case


def top_k(op, sample):
    a = named(sample, "k", "dim", "largest", "sorted")
    if sample.input.dim() == 0:
        return SCALAR
    # weft's axis is the last one.
    x = sample.input if a["dim"] is None else sample.input.transpose(a["dim"], -1)
    return Case("top_k", [x], lambda: op(x, a["k"]), {"k": a["k"]})


# ---- losses --------------------------------------------------------------------------------------

def loss(weft_op):
    def case(op, sample):
        given = dict(sample.kwargs)
        if "weight" in given or "pos_weight" in given:
            return "weft's bce_with_logits has no weights"
        arguments = {"reduction": given.pop("reduction", "mean")} | given
        return Case(weft_op, [sample.input, *sample.args], call(op, sample), arguments)
    return case


def cross_entropy(op, sample):
    given = dict(sample.kwargs)
    inputs = [sample.input, *sample.args]
    if "weight" in given:  # some are negative, which weft refuses
        inputs.append(given["weight"].abs())
        given["weight"] = inputs[-1]
    arguments = {"reduction": "mean"} | {key: value for key, value in given.items() if key != "weight"}
    return Case("cross_entropy", inputs, lambda: op(*inputs[:2], **given), arguments)


CASES = {
    "narrow": narrow, "slice": slice_, "split": split, "split list_args": split, "split_with_sizes": split,
    "chunk": chunk, "cat": joined("concat"), "stack": joined("stack"), "nn.functional.pad constant": pad,
    "nn.functional.pad reflect": pad, "nn.functional.pad replicate": pad, "nn.functional.pad circular": pad,
    "index_select": chosen("index_select"), "gather": chosen("gather"), "where": where, "masked_fill": masked_fill,
    "eq": compared("eq"), "ne": compared("ne"), "lt": compared("lt"), "le": compared("le"), "gt": compared("gt"),
    "ge": compared("ge"), "nn.functional.one_hot": one_hot, "arange": arange,
    "pow": pow_, "clamp": clamp, "clamp_min": bound("low"), "clamp_max": bound("high"),
    "max binary": plain("maximum"), "min binary": plain("minimum"),
    "sum": reduced("sum"), "mean": reduced("mean"), "amax": reduced("amax"), "amin": reduced("amin"), "var": var,
    "max reduction_no_dim": of_axis("max"), "max reduction_with_dim": of_axis("max"),
    "min reduction_no_dim": of_axis("min"), "min reduction_with_dim": of_axis("min"),
    "argmax": index_of("argmax"), "argmin": index_of("argmin"), "topk": top_k,
    "matmul": plain("matmul"), "mm": plain("matmul"), "bmm": plain("matmul"),
    "nn.functional.mse_loss": loss("mse"), "nn.functional.l1_loss": loss("l1"),
    "nn.functional.huber_loss": loss("huber"), "nn.functional.binary_cross_entropy_with_logits": loss("bce_with_logits"),
    "nn.functional.cross_entropy": cross_entropy,
}
# These take integers too.
INTEGERS = {"narrow", "slice", "split", "split list_args", "split_with_sizes", "chunk", "cat", "stack",
            "nn.functional.pad constant", "index_select", "gather", "where", "masked_fill",
            "eq", "ne", "lt", "le", "gt", "ge", "nn.functional.one_hot"}


def sample_in_order(population, count, take=random.sample):
    """random.sample() that takes a set, as PyTorch 1.13 does and Python 3.11 no longer does."""
    return take(sorted(population) if isinstance(population, set) else population, count)


def samples():
    """Yields the name of an op, a dtype, and a case or the reason why there is none."""
    random.sample = sample_in_order
    infos = {f"{info.name} {info.variant_test_name}".strip(): info for info in op_db}
    for (name, case), dtype in itertools.product(CASES.items(), DTYPES):
        info = infos[name]
        if dtype == torch.int64 and name not in INTEGERS or not info.supports_dtype(dtype, "cpu"):
            continue
        torch.manual_seed(17)
        random.seed(17)
        for sample in list(info.sample_inputs("cpu", dtype, requires_grad=dtype.is_floating_point)):
            yield name, dtype, case(info, sample)
