# SPDX-License-Identifier: Apache-2.0
"""What is wanted of the figures, and whether the measured ones give it."""


def kernel(name):
    """The ratio of a line of kernel_bench: to a copy, or to the library's best plan."""
    def ratio(found):
        lines = found.get("figures", {}).get("kernels", [])
        return next((line["ratio"] for line in lines if line["kernel"] == name), None)
    return ratio


def training(work, value):
    def row(found):
        values = [value(one) for one in found.get("figures", {}).get("training", []) if one["work"] == work]
        return next((one for one in values if one is not None), None)
    return row


def peer(word, other=""):
    """PyTorch's time over weft's, in its fastest mode with the word and without the other."""
    def ratio(row):
        times = [ms for mode, ms in row["peer_modes_ms"].items() if word in mode and not (other and other in mode)]
        return round(min(times) / row["weft_ms"], 3) if times else None
    return ratio


def run_value(run, key, accuracies):
    """How long the run took until its accuracy; words, if it never had it."""
    def value(found):
        one = found.get("runs", {}).get(run, {})
        if one.get(key) is not None:
            return one[key]
        if key not in one and accuracies not in one:  # it was not run to its end
            return None
        of = one.get(accuracies)
        known = [value for value in (of if isinstance(of, list) else [of]) if value is not None]
        return f"only {100 * max(known):.4g} % reached" if known else "no accuracy reached"
    return value


COPY, PLAN, MLP = "of copy bandwidth", "of the best plan of cuBLASLt", "MLP b128, captured"
GOALS = [  # what, "at least" or "at most", how much, unit, where it is found
    *[(f"{name}, {COPY}", ">=", 0.95, "", kernel(name)) for name in ("relu", "add", "softmax", "layer_norm", "adam")],
    *[(f"product 4096 {name}, autotuned, {PLAN}", ">=", 0.99, "", kernel(f"matmul 4096 {name} autotuned"))
      for name in ("f32", "bf16", "f16")],
    (f"{MLP}, a step", "<=", 35, "us", training("mlp_b128", lambda row: round(1e3 * row["weft_ms"], 2))),
    (f"{MLP}, times PyTorch eager", ">=", 10, "", training("mlp_b128", peer("eager", "graph"))),
    (f"{MLP}, times PyTorch's whole-step graph", ">=", 1.8, "", training("mlp_b128", peer("graph"))),
    ("ResNet-18 bf16 b512, times compile max-autotune", ">=", 1.1, "", training("resnet18_b512", peer("max_autotune"))),
    ("MNIST to 99 %, training", "<=", 50, "ms", run_value("mnist to 99 %", "milliseconds", "validation_accuracy")),
    ("CIFAR-10 to 94 %, configs/cifar_fast.yaml, training", "<=", 1.5, "s", run_value("cifar to 94 %", "seconds", "test_accuracy")),
]


def rows(found):
    """[{goal, wanted, measured, state}]; `found` has the results of each stage by its name.
    Measured is a number, None, or words about a run that ended without what was wanted."""
    result = []
    for goal, relation, amount, unit, value_in in GOALS:
        measured = value_in(found)
        state = "not measured yet"
        if isinstance(measured, str):
            state = "missed"
        elif measured is not None:
            state = "met" if (measured >= amount if relation == ">=" else measured <= amount) else "missed"
        result.append({"goal": goal, "wanted": f"{relation} {amount:g} {unit}".strip(), "measured": measured,
                       "state": state})
    return result
