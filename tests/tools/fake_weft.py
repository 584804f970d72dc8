#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Stands in for the command `weft` where a test is about what is around it: fake_weft.py config |
train CONFIG [key=value ...]. It writes a run folder as weft does, with the metrics of nothing. The
ranks meet at MASTER_ADDR and MASTER_PORT. A rank can be told to fail (fake.fail_rank,
fake.fail_epoch; only where fake.once does not exist, which is then made).
"""
import json
import os
import pathlib
import signal
import socket
import sys
import time


def setting(overrides, config, key, default):
    section, name = key.split(".")
    return overrides.get(key, config.get(section, {}).get(name, default))


def peers_of(rank, size):
    """A connection to each other rank (for rank 0), or to rank 0."""
    place = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    token = os.environ["WEFT_DIST_TOKEN"].encode()
    if rank == 0:
        with socket.create_server(place) as server:
            server.settimeout(30)
            peers = [server.accept()[0] for _ in range(size - 1)]
        assert all(peer.recv(64) == token for peer in peers), "a wrong token"
        return peers
    for _ in range(100):
        try:
            peer = socket.create_connection(place, timeout=30)
            peer.sendall(token)
            return [peer]
        except ConnectionRefusedError:
            time.sleep(0.1)
    raise SystemExit("rank 0 does not listen")


def save(run, step):
    hidden, folder = run / "checkpoints" / ".new", run / "checkpoints" / f"step-{step}"
    hidden.mkdir(parents=True)
    (hidden / "model.safetensors").write_text(str(step))
    (hidden / "manifest.json").write_text("{}")
    hidden.rename(folder)
    for old in sorted((run / "checkpoints").glob("step-*"), key=lambda path: int(path.name[5:]))[:-1]:
        for file in old.iterdir():
            file.unlink()
        old.rmdir()


def train(overrides, config):
    rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    run = pathlib.Path(setting(overrides, config, "run.dir", ""))
    epochs = int(setting(overrides, config, "train.epochs", 2))
    once = overrides.get("fake.once")
    fails = overrides.get("fake.fail_rank") == str(rank) and not (once and os.path.exists(once))
    peers = peers_of(rank, size)
    lines = []
    if rank == 0:
        assert overrides["resume"] == "auto"
        run.mkdir(parents=True, exist_ok=True)
        names = ["RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"]
        (run / "environment.json").write_text(json.dumps({name: os.environ[name] for name in names}))
        found = [int(path.name[5:]) for path in (run / "checkpoints").glob("step-*")]
        if found:  # a resume cuts what is behind the checkpoint
            lines = (run / "metrics.jsonl").read_text().splitlines()[:max(found) // 10]
        (run / "metrics.jsonl").write_text("".join(line + "\n" for line in lines))
        for peer in peers:
            peer.sendall(bytes([len(lines)]))
    first = len(lines) if rank == 0 else peers[0].recv(1)[0]
    for epoch in range(first + 1, epochs + 1):
        time.sleep(0.3)
        if fails and epoch == int(overrides["fake.fail_epoch"]):
            if once:
                pathlib.Path(once).touch()
            print("a first line\nsomething is wrong here", file=sys.stderr)
            raise SystemExit(1)
        for peer in peers:  # a step together
            peer.sendall(b"+")
            if peer.recv(1) != b"+":
                print("another rank is lost", file=sys.stderr)
                raise SystemExit(1)
        if rank == 0:
            event = {"schema": 1, "event": "epoch", "epoch": epoch, "step": 10 * epoch,
                     "train/loss": 1 / epoch, "seconds": time.time()}
            with open(run / "metrics.jsonl", "a") as file:
                file.write(json.dumps(event, separators=(",", ":")) + "\n")
            time.sleep(0.1)
            save(run, 10 * epoch)
    if rank == 0:
        with open(run / "metrics.jsonl", "a") as file:
            file.write('{"schema":1,"event":"test","step":%d,"test/loss":0.5}\n' % (10 * epochs))


def main():
    verb, path = sys.argv[1:3]
    overrides = dict(text.split("=", 1) for text in sys.argv[3:])
    config = json.loads(pathlib.Path(path).read_text())
    if verb == "config":
        print(json.dumps({"run": {"dir": setting(overrides, config, "run.dir", "")},
                          "checkpoint": {"dir": ""}}))
        return
    if overrides.get("fake.deaf"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    train(overrides, config)


main()
