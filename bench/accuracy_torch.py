# SPDX-License-Identifier: Apache-2.0
"""The PyTorch side of accuracy.py: a ResNet-18 by the recipe of configs/cifar_resnet.yaml.

    bench/accuracy_torch.py CIFAR SEED EPOCHS WIDTH

The schedule is weft's cosine with a warm-up of one epoch. Prints a line of JSON.
"""
import json
import math
import pathlib
import sys

import numpy
import torch

from torch_models import ResNet18

root, seed, epochs, width = pathlib.Path(sys.argv[1]), *map(int, sys.argv[2:5])
torch.manual_seed(seed)


def read(pattern):
    records = numpy.concatenate([numpy.fromfile(path, numpy.uint8) for path in sorted(root.glob(pattern))]).reshape(-1, 3073)
    return torch.from_numpy(records[:, 1:].reshape(-1, 3, 32, 32).copy()), torch.from_numpy(records[:, 0].astype("int64"))


def augmented(x):  # crop with padding 4, then flip, as torchvision's transforms
    padded = torch.nn.functional.pad(x, (4, 4, 4, 4))
    rows = torch.randint(0, 9, (len(x), 1, 1, 1)) + torch.arange(32).view(1, 1, 32, 1)
    columns = torch.randint(0, 9, (len(x), 1, 1, 1)) + torch.arange(32).view(1, 1, 1, 32)
    at = torch.arange(len(x)).view(-1, 1, 1, 1), torch.arange(3).view(1, 3, 1, 1)
    y = padded[at[0], at[1], rows, columns]
    return torch.where(torch.rand(len(x), 1, 1, 1) < 0.5, y.flip(3), y)


pictures, labels = read("data_batch_*.bin")
test = read("test_batch.bin")
order = torch.randperm(len(pictures))
held = len(pictures) // 10
validation = pictures[order[:held]], labels[order[:held]]
pictures, labels = pictures[order[held:]], labels[order[held:]]
statistics_of = pictures.double().div(255)
mean = statistics_of.mean((0, 2, 3)).float().view(1, 3, 1, 1)
std = statistics_of.std((0, 2, 3), unbiased=False).float().view(1, 3, 1, 1)


def normalized(x):
    return (x.float().div(255) - mean) / std


model = ResNet18(width=width)
for module in model.modules():
    if isinstance(module, torch.nn.Conv2d):
        torch.nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9, weight_decay=5e-4)
batch = 128
steps_per_epoch = -(-len(pictures) // batch)
total, step = epochs * steps_per_epoch, 0


def accuracy(x, y):
    model.eval()
    with torch.no_grad():
        right = sum((model(normalized(x[i:i + 250])).argmax(1) == y[i:i + 250]).sum().item() for i in range(0, len(x), 250))
    return right / len(x)


curve = []
for epoch in range(epochs):
    model.train()
    for at in torch.randperm(len(pictures)).split(batch):
        warm = 0.01 + 0.99 * step / steps_per_epoch if step < steps_per_epoch else 1
        done = max(step - steps_per_epoch, 0) / max(total - steps_per_epoch, 1)
        for group in optimizer.param_groups:
            group["lr"] = 0.02 * warm * (1 + math.cos(math.pi * done)) / 2
        x = normalized(augmented(pictures[at]))
        loss = torch.nn.functional.cross_entropy(model(x), labels[at])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        step += 1
    curve.append(accuracy(*validation))
print(json.dumps({"curve": curve, "test": accuracy(*test), "peer": f"PyTorch {torch.__version__}"}))
