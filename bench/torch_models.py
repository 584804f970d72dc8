# SPDX-License-Identifier: Apache-2.0
"""weft's models in PyTorch, with the same names, for the benchmark and the parity tests."""
import collections

import torch
from torch import nn


def mlp(hidden=(512, 512), sample=(28, 28, 1), outputs=10):
    layers, width = [nn.Flatten()], sample[0] * sample[1] * sample[2]
    for size in hidden:
        layers += [nn.Linear(width, size), nn.ReLU()]
        width = size
    return nn.Sequential(*layers, nn.Linear(width, outputs))


def cnn(channels=(32, 64), hidden=128, dropout=0.25, batch_norm=True, sample=(28, 28, 1), outputs=10):
    features, (height, width, inputs) = [], sample
    for size in channels:
        features += [nn.Conv2d(inputs, size, 3, padding=1, bias=not batch_norm)] + [nn.BatchNorm2d(size)] * batch_norm
        features += [nn.ReLU(), nn.MaxPool2d(2)]
        height, width, inputs = height // 2, width // 2, size
    classifier = [nn.Flatten(), nn.Dropout(dropout), nn.Linear(height * width * inputs, hidden), nn.ReLU(),
                  nn.Dropout(dropout), nn.Linear(hidden, outputs)]
    return nn.Sequential(collections.OrderedDict(features=nn.Sequential(*features), classifier=nn.Sequential(*classifier)))


class BasicBlock(nn.Module):
    def __init__(self, inputs, channels, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or inputs != channels:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, channels, 1, stride, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x):
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet18(nn.Module):
    """Has torchvision's names. The stem for small images is a 3 x 3 convolution without pooling."""

    def __init__(self, sample=(32, 32, 3), outputs=10, width=64):
        super().__init__()
        self.conv1 = nn.Conv2d(sample[2], width, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        inputs = width
        for i, stride in enumerate([1, 2, 2, 2], start=1):
            channels = width << (i - 1)
            blocks = nn.Sequential(BasicBlock(inputs, channels, stride), BasicBlock(channels, channels, 1))
            setattr(self, f"layer{i}", blocks)
            inputs = channels
        self.fc = nn.Linear(8 * width, outputs)

    def forward(self, x):
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(torch.flatten(nn.functional.adaptive_avg_pool2d(x, 1), 1))
