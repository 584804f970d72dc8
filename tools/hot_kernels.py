# SPDX-License-Identifier: Apache-2.0
"""What the instructions of hot kernels must and must not have: `./run kernel-info --all --sass`.

A rule names kernels and the widths of their accesses to global memory that must occur. LD and ST,
through an address whose memory the compiler does not know, count like LDG and STG. A kernel of a
rule must not access local memory, unless the rule allows it. Kernels of a width of 1 are the paths
of arrays that are not aligned; they have no rule. Double is for tests and checks, not for speed."""
import re
from typing import NamedTuple

# Where tensors are large, memory decides, and one instruction of 16 bytes for a lane is the best.
WIDE = 128


class Rule(NamedTuple):
    file: str
    kernel: str        # a regular expression of the whole name
    load: int = WIDE   # bits; 0: nothing is required
    store: int = WIDE
    local: str = ""    # the reason that local memory is allowed, if it is


TYPES = "(float|half|bfloat16)"
ROW = rf"{TYPES},(true|false),(true|false),(4|8)"
RULES = [
    Rule("elementwise", rf"unary_(forward|backward)_kernel<\w+,{TYPES}>"),
    Rule("elementwise", rf"affine_kernel<{TYPES}>"),
    Rule("parametric", rf"parametric_forward_kernel<\w+,{TYPES}>"),
    Rule("parametric", rf"parametric_backward_kernel<Clamp,{TYPES}>"),
    # For sm_100 ptxas loads a pack in two parts. The function of double takes far longer.
    Rule("parametric", rf"parametric_backward_kernel<Pow,{TYPES}>", load=64),
    Rule("broadcast", rf"binary_plain_kernel<\w+,{TYPES}>"),
    Rule("clip_values", r"clip_values_kernel<float>"),
    Rule("pointwise_loss", rf"loss_(each|backward)_kernel<\w+,{TYPES}.*>"),
    Rule("matmul_epilogue", rf"bias_activation_kernel<\w+,{TYPES}>"),
    Rule("copy", r"copy_kernel"),
    Rule("copy", rf"fill_kernel<{TYPES}>", load=0),
    Rule("copy", rf"convert_kernel<{TYPES},float>", store=0),
    Rule("copy", rf"convert_kernel<float,{TYPES}>", load=0),
    Rule("copy_blocks", r"copy_blocks_kernel<16>"),
    Rule("softmax", rf"softmax_(forward|backward)_kernel<{ROW}>"),
    Rule("softmax", rf"softmax_(part|gradient_part)_kernel<{TYPES}(,true|,false)?,(4|8)>", store=0),
    Rule("softmax", rf"softmax_(wide|gradient_wide)_kernel<{TYPES},(true|false),(4|8)>"),
    Rule("layer_norm", rf"layer_norm_(forward|input)_kernel<{TYPES},(true|false),(4|8)>"),
    Rule("layer_norm", rf"layer_norm_(wide|input_wide)_kernel<{TYPES},(4|8)>"),
    Rule("layer_norm", rf"layer_norm_(sum|squares|input)_part_kernel<{TYPES},(4|8)>", store=0),
    Rule("layer_norm", rf"layer_norm_sums_kernel<{TYPES},(4|8)>", store=0),
    Rule("reduce", rf"sum_(rows|columns)_kernel<{TYPES},\w+,(true,|false,)?(4|8)>", store=0),
    Rule("reduce", rf"extreme_rows_kernel<{TYPES},(true|false),(4|8)>", store=0),
    Rule("batch_norm", r"(batch_norm|input_gradient)_kernel<float,4>"),
    # A thread holds the constants of its channels in registers, so it has four: 8 bytes of halves.
    Rule("batch_norm", r"(batch_norm|input_gradient)_kernel<(half|bfloat16),4>", load=64, store=64),
    Rule("cross_entropy", rf"cross_entropy_backward_kernel<{TYPES}>"),
    Rule("dropout", r"dropout_kernel<float>"),
    # Four elements share a call of the random generator, and four halves have 8 bytes.
    Rule("dropout", r"dropout_kernel<(half|bfloat16)>", load=64, store=64),
    # A lane reads one channel of neighbouring rows: 32 lanes read 64 or 128 bytes in one piece.
    Rule("batch_norm_statistics", rf"moments_kernel<{TYPES}>", load=16, store=0),
    Rule("adam", r"adam_kernel<float>"),
    Rule("sgd", r"sgd_kernel<float>"),
    Rule("global_norm", r"square_sums_kernel<float>", store=0),
]


def misses(rows, archs, rules=None):
    """Returns a sentence for each rule that a kernel misses, or that has no kernel."""
    found = []
    for rule in RULES if rules is None else rules:
        of_rule = [(name, row) for (file, name), row in sorted(rows.items())
                   if file == rule.file and re.fullmatch(rule.kernel, name)]
        if not of_rule:
            found.append(f"{rule.file}: no kernel is called {rule.kernel}; tools/hot_kernels.py has a rule for it")
        for name, row in of_rule:
            for arch in (a for a in archs if a in row):
                found += [f"{rule.file}: {name}, sm_{arch}: {problem}" for problem in problems_of(rule, row[arch])]
    return found


def problems_of(rule, kernel):
    widths = {"load": 0, "store": 0}
    for (what, bits), _ in kernel["accesses"].items():
        way = {"LDG": "load", "LD": "load", "STG": "store", "ST": "store"}.get(what)
        if way:
            widths[way] = max(widths[way], bits)
    for way, wanted in (("load", rule.load), ("store", rule.store)):
        if widths[way] < wanted:
            yield f"its widest {way} has {widths[way]} bits; {wanted} are required"
    if kernel["traffic"] and not rule.local:
        yield f"its instructions store and load {kernel['traffic']} bytes of local memory; none are allowed"
