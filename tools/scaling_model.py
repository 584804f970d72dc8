#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Data-parallel training on 8 to 1,024 GPUs, on paper: prints the tables of docs/distributed.md.

    tools/scaling_model.py [--write]      --write puts them into the page

Nothing here is measured by weft. Assumptions and their sources:

- Machine: DGX A100, 8 GPUs each. A GPU sends 300 GB/s over NVLink (NVIDIA's A100 datasheet: 600
  GB/s both ways), of which NCCL's cost model takes 235 GB/s. A machine has 8 ConnectX-6 of 200
  Gb/s, one for each GPU (NVIDIA's DGX A100 datasheet), so 25 GB/s for each GPU, of which 92 % are
  taken to be of use. Memory moves 2,039 GB/s (A100 80 GB datasheet).
- Time of a collective: NCCL's own model by which it chooses an algorithm, latency + bytes /
  bandwidth (NVIDIA/nccl 2.11, src/graph/tuning.cc), with its latencies of the protocols Simple and
  LL128. Bus bandwidth is defined in NVIDIA/nccl-tests, doc/PERFORMANCE.md: all-reduce of S bytes by
  n ranks takes S / B * 2 (n - 1) / n, reduce-scatter and all-gather take half of it. A ring has
  2 (n - 1) steps. A double binary tree has 2 log2(machines) steps between machines, and a chain in
  each (developer.nvidia.com/blog/massively-scale-deep-learning-training-nccl-2-4).
- Models: ResNet-50 trains 2,470 images/s on one A100 in mixed precision
  (NVIDIA/DeepLearningExamples, ResNet50 v1.5 for PyTorch, DGX A100 80 GB). ResNet-18 is taken to
  run at the same FLOP/s (1.8 against 4.1 billion multiply-adds for an image). The model of 100
  million parameters is a language model: 6 FLOPs for each parameter and token, at 40 % of 312
  TFLOP/s.
- The batch for each GPU is the same for any number (weak scaling). Backward is two thirds of the
  computation, and gradients become ready evenly. They are f32, in buckets of 25 MiB; a bucket is
  sent when it is ready and the one before it is through.
- Communication takes no computation away from the kernels beside it, ranks are equally fast, and
  nothing else is on the network.
- Sharded, an update reads and writes 1/n of the state. The weights are gathered when all of it is
  done, and nothing hides that.
"""
import argparse
import collections
import math
import pathlib

PAGE = pathlib.Path(__file__).resolve().parents[1] / "docs/distributed.md"
BEGIN, END = "<!-- printed by tools/scaling_model.py -->\n", "<!-- end of what it prints -->\n"

GPUS_PER_MACHINE = 8
NVLINK = 235e9                      # bytes/s of bus bandwidth inside of a machine
NETWORK = 8 * 25e9 * 0.92           # between machines
MEMORY = 2039e9
BUCKET = 25 * 2**20
SIZES = [8, 16, 64, 256, 1024]

# Seconds: of a collective, of a step over NVLink, of a step over the network.
LATENCY = {("ring", "Simple"): (8.4e-6, 3.4e-6, 9.6e-6), ("ring", "LL128"): (10.0e-6, 1.9e-6, 4.0e-6),
           ("tree", "Simple"): (0.0, 28e-6, 50e-6), ("tree", "LL128"): (4.4e-6, 1.2e-6, 8.5e-6)}
# Bytes/s at most of a tree, on up to two machines and on more.
TREE_BANDWIDTH = {"Simple": (110e9, 80e9), "LL128": (130e9, 105e9)}
LL128_SHARE = 120 / 128             # of what is sent is data

Model = collections.namedtuple("Model", "name parameters seconds optimizer state traffic")
# Seconds of a step's computation; optimizer state and memory traffic of an update in
# bytes/parameter.
MODELS = [
    Model("ResNet-18, 128 images", 11.7e6, 128 / (2470 * 4.1 / 1.8), "SGD, momentum", 4, 20),
    Model("ResNet-50, 128 images", 25.6e6, 128 / 2470, "SGD, momentum", 4, 20),
    Model("100 M, 8 x 1,024 tokens", 100e6, 6 * 100e6 * 8192 / (0.4 * 312e12), "AdamW", 8, 28),
]


def bus_bandwidth(n):
    return NVLINK if n <= GPUS_PER_MACHINE else min(NVLINK, NETWORK)


def steps_of(n, rounds):
    """(steps inside of machines, steps between them) of a ring that goes round `rounds` times."""
    machines = max(1, n // GPUS_PER_MACHINE)
    between = rounds * (machines - 1)
    return rounds * (n - 1) - between, between


def ring(n, size, rounds):
    """Seconds of a collective of `size` bytes: two rounds are an all-reduce; one is a
    reduce-scatter or an all-gather."""
    best = math.inf
    for protocol, share in [("Simple", 1.0), ("LL128", LL128_SHARE)]:
        start, inside, between = LATENCY["ring", protocol]
        a, b = steps_of(n, rounds)
        latency = start + a * inside + b * between
        if protocol == "Simple" and rounds == 2 and n > GPUS_PER_MACHINE and size >= n / 16 * 65536:
            latency *= 1.9  # of NCCL's model
        best = min(best, latency + size / (bus_bandwidth(n) * share) * rounds * (n - 1) / n)
    return best


def tree(n, size):
    """Seconds of an all-reduce. Each byte goes up the tree and down."""
    machines, best = max(1, n // GPUS_PER_MACHINE), math.inf
    for protocol, share in [("Simple", 1.0), ("LL128", LL128_SHARE)]:
        start, inside, between = LATENCY["tree", protocol]
        chain = min(n, GPUS_PER_MACHINE) - 1
        latency = start + 2 * (chain * inside + math.log2(machines) * between)
        most = TREE_BANDWIDTH[protocol][machines > 2]
        best = min(best, latency + 2 * size / (min(0.9 * bus_bandwidth(n), most) * share))
    return best


def all_reduce(n, size):
    return min(ring(n, size, 2), tree(n, size))


def buckets(model):
    size = 4 * model.parameters
    count = math.ceil(size / BUCKET)
    return [BUCKET] * (count - 1) + [size - BUCKET * (count - 1)]


def exposed(model, collective):
    """Seconds from the end of backward until the last bucket is through."""
    backward, sizes = model.seconds * 2 / 3, buckets(model)
    total, ready, free = sum(sizes), 0.0, 0.0
    for size in sizes:
        ready += backward * size / total
        free = max(ready, free) + collective(size)
    return free - backward


def update(model, ranks):
    return model.parameters * model.traffic / MEMORY / ranks


def efficiency(model, waiting, ranks_of_update=1):
    """Of one GPU without communication."""
    alone = model.seconds + update(model, 1)
    return alone / (model.seconds + update(model, ranks_of_update) + waiting)


def row(model, n):
    sizes = buckets(model)
    whole = [sum(collective(n, size) for size in sizes) for collective in (lambda n, s: ring(n, s, 2), tree)]
    hidden = exposed(model, lambda size: all_reduce(n, size))
    scatter = exposed(model, lambda size: ring(n, size, 1))
    gather = sum(ring(n, size, 1) for size in sizes)
    return {"ring": whole[0], "tree": whole[1], "exposed": hidden, "sharded": scatter + gather,
            "plain": efficiency(model, min(whole)), "overlapped": efficiency(model, hidden),
            "sharded_efficiency": efficiency(model, scatter + gather, n),
            "sent": 8 * model.parameters * (n - 1) / n,
            "memory": model.parameters * (8 + model.state),
            "sharded_memory": model.parameters * (8 + model.state / n)}


def tables():
    text = ""
    for model in MODELS:
        text += (f"**{model.name} for each GPU**: {model.parameters / 1e6:.1f} million parameters, "
                 f"{model.seconds * 1e3:.1f} ms of\ncomputation, {len(buckets(model))} buckets, "
                 f"{model.optimizer} (update {update(model, 1) * 1e3:.2f} ms)\n\n")
        text += ("| GPUs | ring, ms | tree, ms | not overlapped | not hidden, ms | overlapped "
                 "| sharded: not hidden, ms | sharded | sent, MB | memory, MB | sharded, MB |\n"
                 "|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n")
        for n in SIZES:
            r = row(model, n)
            text += (f"| {n:,} | {r['ring'] * 1e3:.2f} | {r['tree'] * 1e3:.2f} | {r['plain']:.1%} "
                     f"| {r['exposed'] * 1e3:.2f} | {r['overlapped']:.1%} | {r['sharded'] * 1e3:.2f} "
                     f"| {r['sharded_efficiency']:.1%} | {r['sent'] / 1e6:.0f} "
                     f"| {r['memory'] / 1e6:.0f} | {r['sharded_memory'] / 1e6:.0f} |\n")
        text += "\n"
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="put the tables into docs/distributed.md")
    if not parser.parse_args().write:
        print(tables(), end="")
        return
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    PAGE.write_text(before + BEGIN + "\n" + tables() + END + rest.split(END)[1], encoding="utf-8")


if __name__ == "__main__":
    main()
