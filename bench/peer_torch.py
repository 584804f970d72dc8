#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the PyTorch part of the benchmark in one mode. bench/run.py starts it:

    peer_torch.py --list WORK          one line: the modes this version can try, as a JSON list
    peer_torch.py WORK --mode MODE [--device cuda] [--precision bf16]
                                       then, line by line on stdin:
        run K      trains K steps                -> {"ms": per step, "loss": of the last step}
        memory                                   -> {"peak_mb": highest resident memory so far}
    It prints {"ready": ..., "mode": ...} after warming up, and ends when its input ends.

Modes are words joined by "+": eager or compile, channels_last, fused (the optimizer's own kernel),
step (forward, backward and optimizer compiled as one), max_autotune (compiled in this way, which
takes minutes, so that --list leaves it out); on a GPU also graph (the whole step as one CUDA
graph).
"""
import argparse
import inspect
import json
import resource
import sys
import time

import torch
from torch import nn

import sized_works
import torch_models


def adamw(parameters, **options):
    return torch.optim.AdamW(parameters, lr=1e-3, weight_decay=0.01, **options)


def sgd(parameters, **options):
    return torch.optim.SGD(parameters, lr=0.01, momentum=0.9, weight_decay=5e-4, **options)


# The models of configs/mnist_mlp.yaml, mnist_cnn.yaml and cifar_resnet.yaml, and two so small that
# the costs of a step besides its kernels dominate.
WORKS = {  # model, image shape, batch size, optimizer
    "mlp_b32": (lambda: torch_models.mlp((64,)), (1, 28, 28), 32, adamw),
    "mlp_b64": (lambda: torch_models.mlp((128, 64)), (1, 28, 28), 64, adamw),
    "mlp_b128": (torch_models.mlp, (1, 28, 28), 128, adamw),
    "mlp_b1024": (torch_models.mlp, (1, 28, 28), 1024, adamw),
    "cnn_b64": (torch_models.cnn, (1, 28, 28), 64, adamw),
    "resnet18_b32": (torch_models.ResNet18, (3, 32, 32), 32, sgd),
    "resnet18_b512": (torch_models.ResNet18, (3, 32, 32), 512, sgd),
}
BATCHES = 8  # of random data, used cyclically


def work_named(name):
    """(model, image shape, batch size, optimizer, batches of data), also of a work with sizes."""
    if name in WORKS:
        return *WORKS[name], BATCHES
    kind, sizes = sized_works.read(name)
    width, batch = sizes["width"], sizes["batch"]

    def make():
        if kind == "mlp":
            return torch_models.mlp((width,) * (sizes["depth"] - 1))
        return torch_models.cnn((width, 2 * width), 4 * width)
    return make, (1, 28, 28), batch, WORKS["cnn_b64"][3], min(16, max(2, sized_works.MOST_SAMPLES // batch))


def modes(work, device):
    has_fused = "fused" in inspect.signature((torch.optim.SGD if work.startswith("resnet") else torch.optim.AdamW)
                                             .__init__).parameters and torch.__version__ >= "2.4"
    layouts = [""] if work.startswith("mlp") else ["", "+channels_last"]
    optimizers = ["", "+fused"] if has_fused else [""]
    kinds = ["eager"] + (["compile", "compile+step"] if hasattr(torch, "compile") else [])
    found = [kind + layout + optimizer for kind in kinds for layout in layouts for optimizer in optimizers
             if not (kind == "compile+step" and optimizer)]  # compiling fuses the optimizer
    if device == "cuda":
        found += [f"eager{layout}{optimizer}+graph" for layout in layouts for optimizer in optimizers]
    return found


class Trainer:
    def __init__(self, work, mode, device, precision):
        make, image, batch, optimizer, self.batches = work_named(work)
        words = mode.split("+")
        torch.manual_seed(1)
        layout = torch.channels_last if "channels_last" in words else torch.contiguous_format
        self.model = make().train().to(device, memory_format=layout)
        self.images = [torch.randn(batch, *image).to(device, memory_format=layout) for _ in range(self.batches)]
        self.labels = [torch.randint(10, (batch,)).to(device) for _ in range(self.batches)]
        settings = {"fused": True} if "fused" in words else {}
        if "graph" in words and not work.startswith("resnet"):
            settings["capturable"] = True
        self.optimizer = optimizer(self.model.parameters(), **settings)
        self.autocast = torch.autocast(device, dtype=torch.bfloat16, enabled=precision == "bf16")
        self.done = 0
        self.step = self.train_step
        tuning = {"mode": "max-autotune"} if "max_autotune" in words else {}
        if "step" in words:
            self.step = torch.compile(self.train_step, **tuning)
        elif "compile" in words:
            self.model = torch.compile(self.model, **tuning)
        if "graph" in words:
            self.step = self.captured()

    def captured(self):
        """The step as one graph, as in PyTorch's documentation (CUDA semantics, "CUDA Graphs")."""
        x, y = self.images[0].clone(), self.labels[0].clone()
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                self.train_step(x, y)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        self.optimizer.zero_grad(set_to_none=True)
        with torch.cuda.graph(graph):
            loss = self.train_step(x, y)

        def replay(next_x, next_y):
            x.copy_(next_x)
            y.copy_(next_y)
            graph.replay()
            return loss
        return replay

    def train_step(self, x, y):
        self.optimizer.zero_grad(set_to_none=True)
        with self.autocast:
            loss = nn.functional.cross_entropy(self.model(x), y)
        loss.backward()
        self.optimizer.step()
        return loss.detach()

    def run(self, steps):
        begin = time.perf_counter()
        for _ in range(steps):
            loss = self.step(self.images[self.done % self.batches], self.labels[self.done % self.batches])
            self.done += 1
        loss = loss.item()
        return 1e3 * (time.perf_counter() - begin) / steps, loss


def say(**answer):
    print(json.dumps(answer), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("work", help=f"{', '.join(WORKS)}, or one with sizes: mlp:batch=64,width=512,depth=3, cnn:…")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--mode", default="eager")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    options = parser.parse_args()
    try:
        work_named(options.work)
    except ValueError as error:
        parser.error(f"work: {error}")
    if options.list:
        print(json.dumps(modes(options.work, options.device)))
        return
    unknown = set(options.mode.split("+")) - {"eager", "compile", "channels_last", "fused", "step", "graph", "max_autotune"}
    if unknown:
        parser.error(f"--mode: unknown {', '.join(sorted(unknown))}")
    if options.threads:
        torch.set_num_threads(options.threads)
    trainer = Trainer(options.work, options.mode, options.device, options.precision)
    trainer.run(3)
    say(ready=True, mode=options.mode, peer=f"PyTorch {torch.__version__}", threads=torch.get_num_threads())
    for line in sys.stdin:
        word, *rest = line.split()
        if word == "run":
            ms, loss = trainer.run(int(rest[0]))
            say(ms=ms, loss=loss)
        else:
            say(peak_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    main()
