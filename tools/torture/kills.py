# SPDX-License-Identifier: Apache-2.0
"""Kills and stops at any moment."""
import signal
import subprocess
import time

from .runs import check

# The code 128 + N says that the run was stopped with a checkpoint.
STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE)


def listen_to_all():
    """What this process ignores (nohup), its runs would ignore too."""
    for each in STOPPING:
        if signal.getsignal(each) == signal.SIG_IGN:
            signal.signal(each, signal.SIG_DFL)


def hit_at_random(runs, random, name, number, faults=None):
    """Sends a signal at a random moment. Returns the exit code, or None if the run ended before."""
    fresh, begin = not (runs.folder / name).exists(), time.monotonic()
    process = runs.start(name, faults)
    try:
        output = process.communicate(timeout=random.uniform(0.2, 1.0) * runs.seconds)[0]
        check(process.returncode == 0, f"{name}: ended with code {process.returncode}:\n{output}")
        # The machine may have become faster or slower since the undisturbed run.
        if fresh:
            runs.seconds = time.monotonic() - begin
        return None
    except subprocess.TimeoutExpired:
        process.send_signal(number)
        runs.seconds *= 1.02
        output = process.communicate(timeout=300)[0]
        # A signal may come before the run listens to it, or after its end.
        check(process.returncode in (0, 128 + number, -number),
              f"{name}: {number.name}: ended with code {process.returncode}:\n{output}")
        return process.returncode


def kills_at_random(runs, random, number):
    def blow(name):
        hit = hit_at_random(runs, random, name, signal.SIGKILL) not in (None, 0)
        if hit:
            runs.counts.add("kills at random moments")
        return hit
    runs.blow_by_blow("killed", number, blow)


def stops_at_random(runs, random, number):
    def blow(name):
        what = random.choice(STOPPING)
        hit = hit_at_random(runs, random, name, what) not in (None, 0)
        if hit:
            runs.counts.add("kills by SIGTERM, SIGINT, SIGHUP and SIGPIPE at random moments")
        return hit
    runs.blow_by_blow("stopped", number, blow)


def requested_saves(runs, random, number):
    """SIGUSR1 again and again: checkpoints on request, which change nothing else."""
    for _ in range(number):
        name = runs.new("requested")
        process = runs.start(name)
        lines = []
        while "run folder:" not in (lines or [""])[-1]:
            lines.append(process.stdout.readline())
            check(lines[-1], f"{name}: ended early:\n{''.join(lines)}")
        asked = 0
        rest = None
        # Only communicate() has the output, also of a run that ends between two signals.
        while rest is None:
            process.send_signal(signal.SIGUSR1)
            asked += 1
            try:
                rest = process.communicate(timeout=random.uniform(0, 0.1) * runs.seconds)[0]
            except subprocess.TimeoutExpired:
                pass
        lines.append(rest)
        output = "".join(lines)
        check(process.returncode == 0, f"{name}: {asked} × SIGUSR1: ended with code {process.returncode}:\n{output}")
        check("checkpoint: requested" in output, f"{name}: {asked} × SIGUSR1 made no checkpoint:\n{output}")
        runs.counts.add("runs with saves on request")
        runs.expect_the_same(name)


def kills_in_saves(runs, random, number):
    def blow(name):
        faults = {"WEFT_FAULT_UNDER": f"{name}/checkpoints", "WEFT_FAULT_CALLS": "write,fsync,rename",
                  "WEFT_FAULT_AT": str(random.randint(1, 90)),
                  "WEFT_FAULT_KIND": random.choice(["kill-before", "kill-after"])}
        code, output = runs.train(name, faults)
        check(code in (0, -9), f"{name}: {faults}: ended with code {code}:\n{output}")
        if code == -9:
            runs.counts.add("kills inside a save")
        return code == -9
    runs.blow_by_blow("cut-off", number, blow)
