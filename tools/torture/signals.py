# SPDX-License-Identifier: Apache-2.0
"""Signals where a run has little attention for them, and consoles that go away."""
import itertools
import signal
import subprocess

from .runs import CONFIG, check, events_of, visible

SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE)
# Nearly all of its time is in validations and in the final test.
LONG_VALIDATIONS = (CONFIG.replace("train_size: 240, test_size: 20, validation_split: 0.2",
                                   "train_size: 1800, test_size: 1500, validation_split: 0.929")
                    .replace("{type: mlp, hidden: [24]}", "{type: cnn, channels: [16, 16], hidden: 16}")
                    .replace("epochs: 6", "epochs: 3"))


def stopped(runs, name, number, faults):
    """Starts a run that gets a signal from the faults library. Returns whether it was stopped."""
    faults = {"WEFT_FAULT_KIND": "signal", "WEFT_FAULT_SIGNAL": str(int(number)), **faults}
    code, output = runs.train(name, faults)
    check(code in (0, 128 + number), f"{name}: {number.name}: ended with code {code}:\n{output}")
    runs.newest_good(name)
    if code:
        runs.counts.add(f"stops by {number.name} in validation, test or save")
        check(visible(runs.folder / name), f"{name}: {number.name}: was stopped without a checkpoint:\n{output}")
    return code != 0


def in_save(runs, random, number):
    for what in itertools.islice(itertools.cycle(SIGNALS), number):
        name = runs.new("in-save")
        faults = {"WEFT_FAULT_UNDER": f"{name}/checkpoints", "WEFT_FAULT_CALLS": "write,fsync,rename",
                  "WEFT_FAULT_AT": str(random.randint(1, 200))}
        check(stopped(runs, name, what, faults), f"{name}: {what.name} in a save changed nothing")
        runs.finish(name, (0, 1))


def in_evaluation(runs, random, what, place, index):
    """Sends a signal in the evaluation that follows a line of metrics. Returns whether it hit it.

    `index` is that of the line which the evaluation writes.
    """
    name = runs.new(f"in-{place}")
    evaluations = 1 + sum(event["event"] == "validation" for event in runs.expected["events"])
    cpu_ms = 1000 * runs.cpu_seconds / evaluations * random.uniform(0.1, 0.5)
    faults = {"WEFT_FAULT_UNDER": f"{name}/metrics.jsonl", "WEFT_FAULT_CALLS": "write",
              "WEFT_FAULT_AT": str(index), "WEFT_FAULT_CPU_MS": str(max(1, int(cpu_ms)))}
    came = stopped(runs, name, what, faults)
    # A stop inside the evaluation is at the step that is evaluated, and its line is not written.
    expected = runs.expected["events"][index]
    hit = (came and len(events_of(runs.folder / name)) == index
           and visible(runs.folder / name)[-1][0] == expected["step"])
    runs.finish(name, (0, 1))
    return hit


def hits(runs, random, place, indices, number):
    """Tries until each signal has hit a place `number` times. A busy machine may miss some."""
    for what in SIGNALS:
        hit = tries = 0
        while hit < number:
            tries += 1
            check(tries <= 10 * number, f"{what.name} in a {place}: {hit} of {tries} runs stopped inside it")
            hit += in_evaluation(runs, random, what, place, random.choice(indices))


def in_validation(runs, random, number):
    events = runs.expected["events"]
    hits(runs, random, "validation", [i for i in range(1, len(events)) if events[i]["event"] == "validation"], number)


def in_test(runs, random, number):
    hits(runs, random, "test", [len(runs.expected["events"]) - 1], number)


def closed_pipes(runs, random, number):
    """The reader of the output goes away (| head): a stop with a checkpoint, like SIGPIPE."""
    for _ in range(number):
        name = runs.new("head")
        process = subprocess.Popen(runs.command(name), cwd=runs.folder, env=runs.environment(),
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(random.randint(1, 6)):
            process.stdout.readline()
        process.stdout.close()
        errors = process.stderr.read()
        check(process.wait(timeout=300) == 141, f"{name}: | head: code {process.returncode}:\n{errors}")
        check(visible(runs.folder / name), f"{name}: | head: was stopped without a checkpoint:\n{errors}")
        runs.counts.add("readers of the output that went away")
        runs.newest_good(name)
        runs.finish(name, (0, 1))


def ignored_signals(runs, random, number):
    """A signal that was ignored at the start (nohup) stays ignored."""
    for what in itertools.islice(itertools.cycle((signal.SIGHUP, signal.SIGTERM, signal.SIGINT)), number):
        name = runs.new("nohup")
        faults = {"WEFT_FAULT_UNDER": f"{name}/checkpoints", "WEFT_FAULT_CALLS": "rename",
                  "WEFT_FAULT_AT": "20", "WEFT_FAULT_KIND": "signal", "WEFT_FAULT_SIGNAL": str(int(what))}
        done = subprocess.run(["sh", "-c", f"trap '' {what.name[3:]}; exec \"$@\"", "sh", *runs.command(name)],
                              cwd=runs.folder, env=runs.environment(faults), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=300)
        check(done.returncode == 0, f"{name}: {what.name} was ignored at the start: code {done.returncode}:\n{done.stdout}")
        runs.counts.add("signals that stay ignored")
        runs.expect_the_same(name)


def closed_descriptors(runs, random, number):
    """Nothing that the run opens becomes its console. Without standard output it exits with 1."""
    closed = ("01", "012", "1", "0", "2", "02", "12")[:number]
    for each in closed:
        name = runs.new("closed")
        redirections = " ".join(f"{one}{'<' if one == '0' else '>'}&-" for one in each)
        code = subprocess.run(["sh", "-c", f"exec \"$@\" {redirections}", "sh", *runs.command(name)],
                              cwd=runs.folder, env=runs.environment(), stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=300).returncode
        wanted = 1 if "1" in each else 0
        check(code == wanted, f"{name}: descriptors {', '.join(each)} are closed: code {code}; {wanted} is required")
        log = (runs.folder / name / "log.txt").read_text()
        check("checkpoint: requested" not in log, f"{name}: descriptors {', '.join(each)} are closed: output was taken for signals:\n{log}")
        runs.counts.add("runs with closed descriptors")
        runs.expect_the_same(name)
