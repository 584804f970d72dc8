# SPDX-License-Identifier: Apache-2.0
"""The PyTorch side of dist.py: one rank of DistributedDataParallel on Gloo, with one thread.

    bench/dist_torch.py train WORK BATCH STEPS EPOCHS     BATCH is that of all ranks
    bench/dist_torch.py exchange WORK BATCH STEPS EPOCHS  all-reduces of the gradients, and no more

RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT say which rank it is. Without them it trains alone.
Rank 0 prints a line of JSON: steps per second of each epoch.
"""
import json
import os
import pathlib
import sys
import time

import torch
import torch.distributed as dist
from torch import nn

import torch_models

MODELS = {"mlp": torch_models.mlp, "cnn": lambda: torch_models.cnn(batch_norm=False)}
SHAPES = {"mlp": (28, 28, 1), "cnn": (1, 28, 28)}
BUCKET_MB = 25


def all_reduces(parameters):
    """A function that makes the all-reduces of one step, in buckets of DDP's size."""
    sizes, most = [], BUCKET_MB * 2**20 // 4
    total = sum(p.numel() for p in parameters)
    while total > 0:
        sizes.append(min(total, most))
        total -= sizes[-1]
    gradients = [torch.randn(size) * 1e-3 for size in sizes]

    def step(_):
        for gradient in gradients:
            dist.all_reduce(gradient)
            gradient /= dist.get_world_size()
    return step


def training(model, work, batch, steps, rank, size):
    """A function that makes one step, on this rank's part of batch k."""
    wrapped = nn.parallel.DistributedDataParallel(model, bucket_cap_mb=BUCKET_MB) if size > 1 else model
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
    generator = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (steps * batch, *SHAPES[work]), dtype=torch.uint8, generator=generator)
    labels = torch.randint(0, 10, (steps * batch,), generator=generator)
    first, last = batch * rank // size, batch * (rank + 1) // size

    def step(k):
        part = slice(k * batch + first, k * batch + last)
        optimizer.zero_grad(set_to_none=True)
        x = images[part].float().div_(255).sub_(0.13).div_(0.31)
        nn.functional.cross_entropy(wrapped(x), labels[part]).backward()
        optimizer.step()
    return step


def blas():
    """Debian's PyTorch multiplies with libblas.so.3, which OpenBLAS may stand for or not."""
    maps = pathlib.Path("/proc/self/maps").read_text() if os.path.exists("/proc/self/maps") else ""
    if torch.backends.mkl.is_available():
        return "MKL"
    return "OpenBLAS" if "openblas" in maps else "a slow BLAS (libopenblas0 is required)"


def main():
    what, work = sys.argv[1:3]
    batch, steps, epochs = map(int, sys.argv[3:6])
    rank, size = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    torch.set_num_threads(1)
    torch.manual_seed(1)
    if size > 1:
        dist.init_process_group("gloo")
    model = MODELS[work]().train()
    parameters = list(model.parameters())
    step = all_reduces(parameters) if what == "exchange" else training(model, work, batch, steps, rank, size)
    rates = []
    for _ in range(epochs):
        begin = time.perf_counter()
        for k in range(steps):
            step(k)
        rates.append(steps / (time.perf_counter() - begin))
    if rank == 0:
        print(json.dumps({"steps_per_second": rates, "parameters": sum(p.numel() for p in parameters),
                          "peer": f"PyTorch {torch.__version__} with {blas()}"}))
    if size > 1:
        dist.barrier()
        dist.destroy_process_group()


main()
