#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that weft's weight files and PyTorch's are the same: parity_test.py PARITY_TOOL

Each model is exported by weft and loaded with load_state_dict, and the other way round. Both times
PyTorch and weft must give the same logits to 1e-4 of the largest. Height, width and channels of the
images differ, so that a swapped axis shows. If torch or safetensors cannot be imported (by this
Python or $WEFT_PYTHON), the exit code is 77, which skips the test.
"""
import pathlib
import subprocess
import sys
import tempfile

import live_torch

live_torch.require("torch", "safetensors.torch")
import torch  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "bench"))
import torch_models  # noqa: E402

MODELS = {"mlp": (torch_models.mlp, (12, 20, 3)), "cnn": (torch_models.cnn, (12, 20, 3)),
          "resnet": (torch_models.ResNet18, (12, 20, 3))}


def warmed(model, sample):
    """Runs a few batches, so that the running statistics are not those of a new model."""
    height, width, channels = sample
    for _ in range(3):
        model(0.3 + 1.5 * torch.randn(16, channels, height, width))
    return model


def check(tool, name, weights, model, sample, folder):
    height, width, channels = sample
    images = torch.randn(8, height, width, channels)
    save_file({"images": images}, folder / "images")
    subprocess.run([tool, "logits", name, weights, folder / "images", folder / "logits"], check=True)
    ours = load_file(folder / "logits")["logits"]
    with torch.no_grad():
        theirs = model.eval()(images.permute(0, 3, 1, 2).contiguous())
    return ((ours - theirs).abs().max() / theirs.abs().max()).item()


def main():
    tool, failures = pathlib.Path(sys.argv[1]).resolve(), 0
    torch.manual_seed(11)
    torch.set_num_threads(2)
    with tempfile.TemporaryDirectory() as name_of_folder, torch.no_grad():
        folder = pathlib.Path(name_of_folder)
        for name, (make, sample) in MODELS.items():
            subprocess.run([tool, "export", name, folder / "ours", *map(str, sample)], check=True)
            exported = make(sample=sample)
            exported.load_state_dict(load_file(folder / "ours"))
            model = warmed(make(sample=sample), sample)
            save_file({key: value.contiguous() for key, value in model.state_dict().items()}, folder / "theirs")
            for way, file, peer in (("weft to PyTorch", "ours", exported), ("PyTorch to weft", "theirs", model)):
                error = check(tool, name, folder / file, peer, sample, folder)
                failures += error > 1e-4
                print(f"{'FAILED' if error > 1e-4 else 'ok':<7}{name:<9} {way}: logits differ by {error:.1e}")
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
