# SPDX-License-Identifier: Apache-2.0
"""The PyTorch side of whole_runs.py: the run of configs/mnist_cnn.yaml or cifar_resnet.yaml.

    whole_runs_torch.py mnist|cifar ROOT --folder DIR [--epochs 2] [--samples N] [--width N]
                        [--threads N] [--workers 0] [--layout contiguous|channels_last]
                        [--fused 0|1] [--first-step]

Model, initialization, optimizer, schedule, clipping, augmentation, metrics, validation, checkpoints
and the test after the last epoch are those of the config. The DataLoader gets whole batches from
the data set, augmented and normalized by tensor operations, which is several times as fast as
sample by sample. Prints JSON: {"event": "epoch", "seconds": …} when the steps of an epoch are done,
before it is validated, as weft logs it, and {"event": "end"} at the end. With --first-step it
prints {"event": "start"} before the first step and {"event": "step"} after it, and ends.
"""
import argparse
import gzip
import json
import math
import pathlib
import time

import numpy
import torch

import torch_models

BEGIN = time.perf_counter()


def say(**answer):
    print(json.dumps(answer), flush=True)


def idx(path):
    raw = gzip.decompress(pathlib.Path(f"{path}.gz").read_bytes()) if not path.exists() else path.read_bytes()
    dimensions = raw[3]
    shape = numpy.frombuffer(raw, ">i4", dimensions, 4)
    return torch.from_numpy(numpy.frombuffer(raw, numpy.uint8, offset=4 + 4 * dimensions).reshape(shape).copy())


def mnist(root, part):
    return idx(root / f"{part}-images-idx3-ubyte")[:, None], idx(root / f"{part}-labels-idx1-ubyte").long()


def cifar(root, part):
    records = numpy.concatenate([numpy.fromfile(path, numpy.uint8) for path in sorted(root.glob(part))]).reshape(-1, 3073)
    return torch.from_numpy(records[:, 1:].reshape(-1, 3, 32, 32).copy()), torch.from_numpy(records[:, 0].astype("int64"))


def statistics_of(pictures):
    """Mean and deviation of each channel, by counting the 256 values, which is the fastest way."""
    values, found = numpy.arange(256) / 255, []
    for channel in range(pictures.shape[1]):
        share = numpy.bincount(pictures[:, channel].numpy().ravel(), minlength=256) / pictures[:, channel].numel()
        mean = (share * values).sum()
        found.append((mean, math.sqrt((share * (values - mean)**2).sum())))
    return [torch.tensor(column, dtype=torch.float32).view(1, -1, 1, 1) for column in zip(*found)]


def cropped_and_flipped(x):  # crop with padding 4, then flip, as torchvision's transforms
    count, channels, height, width = x.shape
    padded = torch.nn.functional.pad(x, (4, 4, 4, 4))
    top, left = torch.randint(0, 9, (2, count, 1, 1))
    rows = top + torch.arange(height).view(1, -1, 1)
    columns = left + torch.arange(width).view(1, 1, -1)
    flip = torch.rand(count, 1, 1) < 0.5
    columns = torch.where(flip, columns.flip(2), columns)
    return padded[torch.arange(count).view(-1, 1, 1), :, rows, columns].permute(0, 3, 1, 2)


class Batches(torch.utils.data.Dataset):
    """Gives the batch of a list of indices."""

    def __init__(self, pictures, labels, mean, std, layout, augment):
        self.pictures, self.labels, self.layout, self.augment = pictures, labels, layout, augment
        self.scale, self.shift = 1 / (255 * std), -mean / std

    def __len__(self):
        return len(self.pictures)

    def __getitem__(self, indices):
        indices = torch.as_tensor(indices)
        x = self.pictures[indices]
        if self.augment:
            x = cropped_and_flipped(x)
        x = x.to(torch.float32, memory_format=self.layout)
        return x.mul_(self.scale).add_(self.shift), self.labels[indices]


def loader_of(dataset, batch, shuffled, workers):
    order = (torch.utils.data.RandomSampler if shuffled else torch.utils.data.SequentialSampler)(dataset)
    return torch.utils.data.DataLoader(dataset, None, sampler=torch.utils.data.BatchSampler(order, batch, False),
                                       num_workers=workers, persistent_workers=workers > 0)


def cosine(step, warmup, total):
    if step < warmup:
        return 0.01 + 0.99 * step / warmup
    return (1 + math.cos(math.pi * (step - warmup) / max(total - warmup, 1))) / 2


class Run:
    def __init__(self, options):
        self.options, self.is_mnist = options, options.work == "mnist"
        torch.manual_seed(1)
        self.layout = torch.channels_last if options.layout == "channels_last" else torch.contiguous_format
        self.read_data()
        self.make_model()
        self.best, self.saved = -1.0, []

    def read_data(self):
        options = self.options
        read, names = (mnist, ("train", "t10k")) if self.is_mnist else (cifar, ("data_batch_*.bin", "test_batch.bin"))
        pictures, labels = read(options.root, names[0])
        order = torch.randperm(len(pictures))
        # A ninth of the training samples is held out beside them.
        samples = min(options.samples or len(order), len(order) - len(order) // 10)
        held = min(len(order) // 10, max(1, round(samples / 9)))
        train, held = order[:samples], order[samples:samples + held]
        mean, std = statistics_of(pictures[train])
        self.batch = 64 if self.is_mnist else 128

        def loader(x, y, training=False):
            dataset = Batches(x, y, mean, std, self.layout, training and not self.is_mnist)
            return loader_of(dataset, self.batch, training, options.workers)
        self.train_loader = loader(pictures[train], labels[train], True)
        self.validation_loader = loader(pictures[held], labels[held])
        self.test_loader = loader(*read(options.root, names[1]))

    def make_model(self):
        width, settings = self.options.width, {"fused": True} if self.options.fused else {}
        if self.is_mnist:
            self.model = torch_models.cnn((width, 2 * width), 4 * width)
        else:
            self.model = torch_models.ResNet18(width=width)
        for module in self.model.modules():
            if isinstance(module, torch.nn.Conv2d):
                torch.nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        self.model.to(memory_format=self.layout)
        named = list(self.model.named_parameters())
        if self.is_mnist:
            groups = [{"params": [p for name, p in named if not name.endswith("bias")]},
                      {"params": [p for name, p in named if name.endswith("bias")], "weight_decay": 0}]
            self.optimizer = torch.optim.AdamW(groups, lr=1e-3, weight_decay=0.05, **settings)
        else:
            self.optimizer = torch.optim.SGD(self.model.parameters(), lr=0.02, momentum=0.9, weight_decay=5e-4, **settings)
        steps = len(self.train_loader)
        warmup, total = 100 if self.is_mnist else steps, self.options.epochs * steps
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, lambda step: cosine(step, warmup, total))
        self.smoothing = 0.05 if self.is_mnist else 0.0

    def train_step(self, x, y):
        loss = torch.nn.functional.cross_entropy(self.model(x), y, label_smoothing=self.smoothing)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if self.is_mnist:
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.schedule.step()
        return loss.detach()

    def train_epoch(self):
        self.model.train()
        sum_of_losses = torch.zeros(())
        for x, y in self.train_loader:
            sum_of_losses += self.train_step(x, y) * len(y)
            if self.options.first_step:
                say(event="step", loss=sum_of_losses.item() / len(y))
                return None
        return sum_of_losses.item() / len(self.train_loader.dataset)

    def evaluate(self, loader):
        self.model.eval()
        loss, right, top = torch.zeros(()), torch.zeros((), dtype=torch.int64), torch.zeros((), dtype=torch.int64)
        with torch.inference_mode():
            for x, y in loader:
                logits = self.model(x)
                loss += torch.nn.functional.cross_entropy(logits, y, reduction="sum", label_smoothing=self.smoothing)
                hits = logits.topk(5).indices == y[:, None]
                right += hits[:, 0].sum()
                top += hits.sum()
        count = len(loader.dataset)
        figures = {"loss": loss.item() / count, "accuracy": right.item() / count}
        return figures | {"top_k": top.item() / count} if self.is_mnist else figures

    def save(self, epoch, figures):
        """Writes a checkpoint. The last one or two stay, and the best one."""
        path = self.options.folder / f"epoch-{epoch}.pt"
        torch.save({"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(),
                    "schedule": self.schedule.state_dict(), "random": torch.get_rng_state(), "epoch": epoch, **figures}, path)
        if figures["accuracy"] > self.best:
            self.best, self.best_path = figures["accuracy"], path
        self.saved.append(path)
        for old in [old for old in self.saved[:-2 if self.is_mnist else -1] if old != self.best_path]:
            old.unlink()
            self.saved.remove(old)

    def run(self):
        if self.options.first_step:
            say(event="start")
        for epoch in range(1, self.options.epochs + 1):
            loss = self.train_epoch()
            if loss is None:
                return
            seconds = time.perf_counter() - BEGIN
            figures = self.evaluate(self.validation_loader)
            say(event="epoch", epoch=epoch, seconds=seconds, train_loss=loss, **figures)
            self.save(epoch, figures)
        say(event="end", test=self.evaluate(self.test_loader), peer=f"PyTorch {torch.__version__}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", choices=["mnist", "cifar"])
    parser.add_argument("root", type=pathlib.Path)
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    for name, default in (("epochs", 2), ("samples", 0), ("width", 0), ("threads", 0), ("workers", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--layout", choices=["contiguous", "channels_last"], default="channels_last")
    parser.add_argument("--fused", type=int, choices=[0, 1], default=0)
    parser.add_argument("--first-step", action="store_true")
    options = parser.parse_args()
    options.width = options.width or (32 if options.work == "mnist" else 64)
    if options.threads:
        torch.set_num_threads(options.threads)
    Run(options).run()


if __name__ == "__main__":
    main()
