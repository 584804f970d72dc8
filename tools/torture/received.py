# SPDX-License-Identifier: Apache-2.0
"""Run folders from elsewhere, forged so that they verify: nothing outside of them is touched."""
import hashlib
import json
import os
import shutil

from .runs import check, contents, name_of, outcome, visible


def seal(checkpoint):
    """Writes the manifest anew, so that forged files verify."""
    path = checkpoint / "manifest.json"
    manifest = json.loads(path.read_text())
    for name in manifest["files"]:
        data = (checkpoint / name).read_bytes()
        manifest["files"][name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    del manifest["sha256"]
    text = json.dumps(manifest, separators=(",", ":"), ensure_ascii=False)
    manifest["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    path.write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")


def with_log(name, size):
    """The newest checkpoint says that a log of this name and size belongs to it."""
    def forge(run, outside):
        checkpoint = run / "checkpoints" / name_of(visible(run)[-1])
        state = json.loads((checkpoint / "trainer_state.json").read_text())
        state["logs"][name.replace("OUTSIDE", str(outside))] = size
        (checkpoint / "trainer_state.json").write_text(json.dumps(state, indent=1, ensure_ascii=False) + "\n")
        seal(checkpoint)
    return f"logs: {name}: {size}", forge


def with_link(name, target, inside=""):
    """A link of this name in the run leads to `target` outside, with what was at the name in it."""
    def forge(run, outside):
        place = run / name
        goal = outside / target
        if inside and place.is_dir():
            shutil.copytree(place, goal, symlinks=True, dirs_exist_ok=True)
        if place.is_dir() and not place.is_symlink():
            shutil.rmtree(place)
        elif os.path.lexists(place):
            place.unlink()
        place.symlink_to(os.path.relpath(goal, place.parent))
    return f"link: {name} to {target}", forge


def newest_file_is_a_link(run, outside):
    checkpoint = run / "checkpoints" / name_of(visible(run)[-1])
    shutil.move(checkpoint / "optimizer.safetensors", outside / "optimizer.safetensors")
    (checkpoint / "optimizer.safetensors").symlink_to(outside / "optimizer.safetensors")


def log_and_link(run, outside):
    """A log of an allowed name that leads elsewhere, to be cut."""
    with_log("metrics.jsonl", 7)[1](run, outside)
    with_link("metrics.jsonl", "precious")[1](run, outside)


FORGERIES = [
    with_log("../outside/precious", 0),
    with_link("checkpoints/.step-1.tmp", "folder"),
    with_log("OUTSIDE/precious", 3),
    with_link("checkpoints", "moved", inside="copied"),
    ("links: metrics.jsonl to precious, and cut", log_and_link),
    with_log("../outside/new", 5),
    with_link("log.txt", "precious"),
    with_log("metrics.jsonl", -1),
    with_log("checkpoints/../../outside/precious", 0),
    with_log("metrics.jsonl/../../outside/precious", 0),
    with_log("metrics.jsonl", 2**63 - 1),
    with_log("metrics.csv", 2**40),
    with_log("metrics.jsonl", "7"),
    with_log("metrics.csv", 1.5),
    with_log("metrics.csv", None),
    with_log("", 0),
    with_log(".", 0),
    with_log("../outside", 0),
    with_log("checkpoints", 0),
    with_log("../outside/precious\x00metrics.jsonl", 0),
    with_link("metrics.csv", "precious"),
    with_link("metrics.csv", "new"),
    with_link("config.yaml", "precious"),
    with_link("overrides.txt", "precious"),
    with_link("environment.json", "new"),
    with_link(".lock", "new"),
    with_link("checkpoints/.git", "folder"),
    with_link("checkpoints/.last.new", "precious"),
    with_link("checkpoints/.best.old", "folder"),
    with_link("checkpoints/last", "folder"),
    with_link("checkpoints/best", "folder"),
    with_link("checkpoints/step-1", "folder"),
    with_link("checkpoints/step-1-2", "folder"),
    ("link: optimizer.safetensors to a file outside", newest_file_is_a_link),
]


def forged(runs, random, number):
    source = runs.cut_off("received", random)
    for what, forge in FORGERIES[:number]:
        for command in ("train", "branch", "evaluate"):
            attack(runs, source, what, forge, command)
    shutil.rmtree(runs.folder / source)


def attack(runs, source, what, forge, command):
    name = runs.new("received")
    place = runs.folder / name
    run, outside = place / "run", place / "outside"
    shutil.copytree(runs.folder / source, run, symlinks=True)
    (run / "checkpoints/.git").mkdir()
    (run / "checkpoints/.git/HEAD").write_text("precious\n")
    (outside / "folder/.ssh").mkdir(parents=True)
    for file in ("precious", "folder/.ssh/key", "folder/.step-2.tmp"):
        (outside / file).write_text(f"{file} must stay\n" * 20)
    forge(run, outside)
    before = contents(outside)
    more = [f"resume={name}/run"] if command == "branch" else []
    target = f"{name}/branch" if command == "branch" else f"{name}/run"
    if command == "evaluate":
        code, output = runs.call("evaluate", target)
    else:
        code, output = runs.train(target, more=more)
    runs.counts.add("received folders, forged")
    after = contents(outside)
    touched = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    check(not touched, f"{name}: {what}: {command} touched {touched} outside:\n{output}")
    check(set(os.listdir(place)) <= {"run", "outside", "branch"}, f"{name}: {what}: {command} made {os.listdir(place)}:\n{output}")
    check(code in (0, 1, 2) and "internal error" not in output, f"{name}: {what}: {command}: code {code}:\n{output}")
    git = run / "checkpoints/.git"
    check(git.is_symlink() or (run / "checkpoints").is_symlink() or (git / "HEAD").is_file(),
          f"{name}: {what}: {command} removed .git")
    for log in (place / "branch").glob("metrics.*"):
        check(b"must stay" not in log.read_bytes(), f"{name}: {what}: {log.name} of the branch was read from outside")
    if code == 0 and command != "evaluate":
        check(outcome(runs.folder / target)["files"] == runs.expected["files"],
              f"{name}: {what}: {command}: the weights differ from those of the undisturbed run")
    shutil.rmtree(place)
