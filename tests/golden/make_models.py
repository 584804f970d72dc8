# SPDX-License-Identifier: Apache-2.0
"""Writes models.json and a safetensors file for each of three small networks in PyTorch.

    python3 make_models.py      # needs torch >= 1.13 and nothing else, writes beside itself

The safetensors files hold the initial weights under PyTorch's names. Under "grad.NAME" they hold
the gradient of the first batch in f64 arithmetic, rounded to f32. models.json holds the logits of
the first batch, the losses of 50 steps with each optimizer, in f64 arithmetic and in f32 from the
same f32 weights, and the logits of the first batch in evaluation mode after the 50 steps.

A batch has 8 images of height 12, width 8 and 3 channels. The sizes differ, so that a swapped axis
shows. Four batches are used in turn. Element i of all four, in the order (batch, sample, height,
width, channel), is

    sin(0.731 i) + 0.5 sin(0.0137 i)      with label 7 j mod 10 for sample j of all four batches
"""
import json
import math
import pathlib
import struct
import sys

import torch
from torch import nn

BATCHES, BATCH, HEIGHT, WIDTH, CHANNELS, CLASSES, STEPS = 4, 8, 12, 8, 3, 10, 50
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1] / "bench"))
import torch_models  # noqa: E402


SAMPLE = (HEIGHT, WIDTH, CHANNELS)
MODELS = {
    "mlp": lambda: torch_models.mlp(hidden=(24, 16), sample=SAMPLE),
    "cnn": lambda: torch_models.cnn(channels=(4, 6), hidden=16, dropout=0, batch_norm=False, sample=SAMPLE),
    "cnn_batch_norm": lambda: torch_models.cnn(channels=(4, 6), hidden=16, dropout=0, sample=SAMPLE),
}
OPTIMIZERS = {
    "sgd": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9, weight_decay=5e-4),
    "adamw": lambda p: torch.optim.AdamW(p, lr=0.003, weight_decay=0.05),
}


def batches(dtype):
    count = BATCHES * BATCH * HEIGHT * WIDTH * CHANNELS
    numbers = torch.tensor([math.sin(0.731 * i) + 0.5 * math.sin(0.0137 * i) for i in range(count)], dtype=torch.float64)
    images = numbers.reshape(BATCHES, BATCH, HEIGHT, WIDTH, CHANNELS).permute(0, 1, 4, 2, 3).contiguous().float().to(dtype)
    labels = torch.tensor([7 * j % CLASSES for j in range(BATCHES * BATCH)]).reshape(BATCHES, BATCH)
    return images, labels


def copy_of(model, make, dtype):
    copy = make()
    copy.load_state_dict(model.state_dict())
    return copy.to(dtype)


def losses(model, images, labels, optimizer):
    result = []
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(images[step % BATCHES]), labels[step % BATCHES])
        loss.backward()
        optimizer.step()
        result.append(loss.item())
    return result


def write_safetensors(path, tensors):
    header, data = {}, b""
    for name, tensor in tensors.items():
        numbers = tensor.detach().float().contiguous().flatten().tolist()
        end = len(data) + 4 * len(numbers)
        header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [len(data), end]}
        data += struct.pack(f"<{len(numbers)}f", *numbers)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def rounded(tensor, digits):
    return [float(f"{x:.{digits}g}") for x in tensor.flatten().tolist()]


def main():
    results = {"torch": torch.__version__, "steps": STEPS}
    for name, make in MODELS.items():
        torch.manual_seed(3)
        model = make()
        exact = copy_of(model, make, torch.float64)
        images, labels = batches(torch.float64)
        logits = exact(images[0])
        nn.functional.cross_entropy(logits, labels[0]).backward()
        tensors = dict(model.named_parameters())
        tensors.update({f"grad.{key}": p.grad for key, p in exact.named_parameters()})
        write_safetensors(HERE / f"{name}.safetensors", tensors)
        results[name] = {"logits": rounded(logits, 15)}
        for kind, optimizer in OPTIMIZERS.items():
            for label, dtype, digits in (("f64", torch.float64, 15), ("f32", torch.float32, 9)):
                trained = copy_of(model, make, dtype)
                trace = losses(trained, *batches(dtype), optimizer(trained.parameters()))
                results[name][f"losses_{kind}_{label}"] = [float(f"{x:.{digits}g}") for x in trace]
                after = trained.eval()(batches(dtype)[0][0])
                results[name][f"logits_{kind}_{label}"] = rounded(after, digits)
    text = json.dumps(results).replace('], "', '],\n "').replace('}, "', '},\n"')
    (HERE / "models.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
