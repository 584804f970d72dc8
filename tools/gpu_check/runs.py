# SPDX-License-Identifier: Apache-2.0
"""The stage runs: whole runs by the `weft` command, in captured steps. Short ones are compared with
the CPU loss by loss; long ones are measured."""
import json
import math
import shutil

DIGITS = ["data.type=digits", "data.train_size=320", "data.test_size=32", "data.augment=[]"]

# name: config, changes, tolerances of the first loss and of all, both relative. Products in bf16
# are rounded differently on the two sides, and the difference grows from step to step. The ResNet
# is narrow, because a CPU without instructions for bf16 takes seconds for a step.
BESIDE_CPU = {
    "mnist_mlp": ("mnist_mlp.yaml", ["data.subset=2560", "train.max_steps=16"], 1e-4, 0.01),
    "mnist_cnn": ("mnist_cnn.yaml", ["data.subset=1280", "train.max_steps=16"], 1e-4, 0.03),
    "resnet18_bf16": ("cifar_resnet.yaml", [*DIGITS, "precision=bf16", "model.width=16", "train.batch_size=32", "train.max_steps=6"], 0.02, 0.15),
}
# name: config, changes, needed files of the data folder. Those with a goal come first.
WHOLE = {
    "mnist to 99 %": ("mnist_cnn.yaml", ["precision=bf16", "train.batch_size=512", "optimizer.lr=4e-3", "scheduler.warmup=50ba",
                                         "train.epochs=6"], "mnist"),
    "cifar to 94 %": ("cifar_fast.yaml", [], "cifar-10-batches-bin/data_batch_5.bin"),
    "mnist_mlp, whole": ("mnist_mlp.yaml", [], "mnist"),
    "mnist_cnn, whole": ("mnist_cnn.yaml", [], "mnist"),
}


def events_of(folder, event):
    lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    return [one for one in map(json.loads, lines) if one["event"] == event]


def train(check, name, config, changes, device, deadline):
    """Returns the folder of the run. Raises RuntimeError with its last line, or TimeoutError."""
    folder = check.work / f"{name.replace(' ', '_').replace('%', 'percent').replace(',', '')}-{device}"
    shutil.rmtree(folder, ignore_errors=True)
    code, text = check.run(f"run {name} on {device}", [
        check.binaries / "weft", "train", check.root / "configs" / config, f"run.dir={folder}", f"run.device={device}",
        f"train.capture={'true' if device == 'cuda' else 'false'}", *changes], deadline)
    if code == 124:
        raise TimeoutError(f"{name} on {device} was not done in time")
    if code != 0:
        for file in ("config.yaml", "metrics.jsonl", "log.txt"):
            if (folder / file).exists():
                check.report.keep(f"runs/{folder.name}/{file}", folder / file)
        raise RuntimeError(f"exit code {code}: {(text.splitlines() or ['no output'])[-1][:300]}")
    return folder


def has(check, needed):
    return check.data is not None and (check.data / needed).exists()


def losses(check, name, device, deadline):
    """The loss of each step of a short run."""
    config, changes, _, _ = BESIDE_CPU[name]
    folder = train(check, name, config, [*changes, "run.log_every=1ba"], device, deadline)
    found = [event["loss"] for event in events_of(folder, "step")]
    if not found:
        raise RuntimeError("the run logged no step")
    return found


def finite(value):
    return value is not None and math.isfinite(value)


def compare(here, cpu, first, every):
    """The relative differences of two lists of losses, and whether they are small enough."""
    apart = [abs(a - b) / max(abs(b), 1e-3) if finite(a) and finite(b) else float("inf") for a, b in zip(here, cpu)]
    good = len(here) == len(cpu) and apart[0] <= first and max(apart) <= every

    def shown(value, digits):  # JSON has no number for what is not finite
        return float(f"{value:.{digits}g}") if finite(value) else "not finite"

    return {"passed": good, "first_apart": shown(apart[0], 3), "most_apart": shown(max(apart), 3),
            "losses": [shown(one, 6) for one in here], "cpu_losses": [shown(one, 6) for one in cpu]}


def beside_cpu(check, name, deadline):
    if name.startswith("mnist") and not has(check, "mnist"):
        return {"not run": "MNIST is not in the data folder; --data, or pack with --data, is required"}
    cpu = check.cpu_losses.get(name) or losses(check, name, "cpu", deadline)
    here = losses(check, name, "cuda", deadline)
    result = compare(here, cpu, *BESIDE_CPU[name][2:])
    if not result["passed"]:
        check.report.keep(f"runs/{name}.json", json.dumps(result, indent=1))
    return result


def whole(check, name, deadline):
    config, changes, needed = WHOLE[name]
    if not has(check, needed):
        return {"not run": f"{needed} is not in the data folder"}
    folder = train(check, name, config, [*changes, "run.autotune=true"], "cuda", deadline)
    epochs, test = events_of(folder, "epoch"), events_of(folder, "test")
    samples = [b["samples"] - a["samples"] for a, b in zip([{"samples": 0}, *epochs], epochs)]
    seconds = [count / event["samples_per_second"] for count, event in zip(samples, epochs)]
    result = {"passed": True, "epochs": len(epochs), "training_seconds": round(sum(seconds), 4),
              "validation_accuracy": [event.get("validation/accuracy") for event in epochs],
              "test_accuracy": test[-1]["test/accuracy"] if test else None}
    if name == "mnist to 99 %":
        reached = next((i for i, value in enumerate(result["validation_accuracy"]) if value and value >= 0.99), None)
        result["milliseconds"] = None if reached is None else round(1e3 * sum(seconds[:reached + 1]), 1)
    if name == "cifar to 94 %" and (result["test_accuracy"] or 0) >= 0.94:
        result["seconds"] = result["training_seconds"]
    return result


def runs(check, found, deadline):
    for names, function in ((BESIDE_CPU, beside_cpu), (WHOLE, whole)):
        for name in names:
            try:
                found[name] = function(check, name, deadline)
            except TimeoutError as error:
                found["cut off"] = str(error)
                return "cut off"
            except (RuntimeError, OSError, ValueError, KeyError) as error:
                found[name] = {"passed": False, "error": f"{type(error).__name__}: {error}"}
            check.report.write()
    ran = [result for result in found.values() if "passed" in result]
    return "skipped" if not ran else "passed" if all(result["passed"] for result in ran) else "failed"
