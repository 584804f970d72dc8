# SPDX-License-Identifier: Apache-2.0
"""Jobs of several ranks, undisturbed ones, and what every disturbed one must come to."""
import contextlib
import itertools
import json
import math
import os
import pathlib
import re
import shutil
import socket
import subprocess
import threading
import time

from .runs import LEFT_BY_A_SAVE, Broken, check, events_of, name_of, problem_of, sha256, visible

# An undisturbed run takes about a second. Half of the time of "mlp" is validation. The ranks of
# "wide" send each other 800 kB at a time, by sockets that hold far less.
CONFIGS = {
    "mlp": """
run: {seed: 5, device: cpu}
data: {type: digits, train_size: 1200, test_size: 67, validation_split: 0.7}
model: {type: mlp, hidden: [32], dropout: 0.1}
optimizer: {type: adamw, lr: 1e-3}
scheduler: {type: cosine, warmup: 1ep}
train: {epochs: 3, batch_size: 31, clip_norm: 1}
validation: {every: 3ba}
checkpoint: {every: 4ba, keep_last: 2}
""",
    "cnn": """
run: {seed: 5, device: cpu}
data: {type: digits, train_size: 200, test_size: 67, validation_split: 0.25}
model: {type: cnn, channels: [4, 8], hidden: 16, batch_norm: true, dropout: 0.1}
optimizer: {type: sgd, lr: 0.02, momentum: 0.9}
train: {epochs: 2, batch_size: 15}
validation: {every: 5ba}
checkpoint: {every: 4ba, keep_last: 2}
""",
    "wide": """
run: {seed: 5, device: cpu}
data: {type: digits, train_size: 150, test_size: 20, validation_split: 0.2}
model: {type: mlp, hidden: [512]}
optimizer: {type: sgd, lr: 0.02}
train: {epochs: 4, batch_size: 20}
checkpoint: {every: 5ba, keep_last: 2}
dist: {shard_optimizer: true}
""",
}
CONFIGS["sharded"] = CONFIGS["mlp"] + "dist: {shard_optimizer: true, bucket_mb: 1}\n"
SLACK = 3.0  # seconds that are added to a limit, more on a busy machine
SOCKET_BYTES = 32768  # of "wide"
# Differences of losses between numbers of ranks, which only round differently.
TOLERANCE = 1e-5
# Below those that connect() takes.
PORTS = itertools.cycle(range(10000 + os.getpid() * 97 % 20000, 32000))
# What a launcher around this has set.
OF_LAUNCHERS = "RANK$|WORLD_SIZE$|LOCAL_|MASTER_|OMPI_|PMI|SLURM_|TORCHELASTIC_|WEFT_DIST"
LISTENING = "0A"


def free_port():
    while True:
        port = next(PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def sockets():
    """The TCP sockets of this machine: (port, state, bytes that wait to be sent, inode)."""
    for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        yield int(fields[1].split(":")[1], 16), fields[3], int(fields[4].split(":")[0], 16), fields[9]


class Job:
    """The ranks of one attempt to train in a folder."""

    numbers = itertools.count(1)

    def __init__(self, jobs, config, size, run, more=()):
        self.jobs, self.config, self.size, self.run, self.more = jobs, config, size, run, more
        self.port = free_port()
        self.token = f"torture-{os.getpid()}-{next(Job.numbers)}"
        self.processes, self.ended, self.began = {}, {}, time.monotonic()
        self.watches = []

    def __enter__(self):
        return self

    def __exit__(self, *error):
        for process in self.processes.values():
            process.kill()  # also one that is stopped; not one that has ended
        for watch in self.watches:
            watch.join()

    def start(self, rank, more=(), **variables):
        environment = {key: value for key, value in os.environ.items() if not re.match(OF_LAUNCHERS, key)}
        environment |= {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive", "LC_ALL": "C",
                        "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(self.size),
                        "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(self.port),
                        "WEFT_DIST_TOKEN": self.token, **variables}
        environment = {key: value for key, value in environment.items() if value is not None}
        if self.config == "wide":
            environment |= {"LD_PRELOAD": str(self.jobs.faults), "WEFT_FAULT_SOCKET_BYTES": str(SOCKET_BYTES)}
        command = [str(self.jobs.weft), "train", f"{self.config}.yaml", f"run.dir={self.run}", "resume=auto",
                   *self.more, *more]
        with open(self.output_file(rank), "w") as output:
            process = subprocess.Popen(command, cwd=self.jobs.folder, env=environment,
                                       stdin=subprocess.DEVNULL, stdout=output, stderr=output)

        def watch():
            process.wait()
            self.ended[rank] = time.monotonic()
        self.processes[rank] = process
        self.watches.append(threading.Thread(target=watch))
        self.watches[-1].start()

    def start_all(self):
        for rank in range(self.size):
            self.start(rank)
        return self

    def output_file(self, rank):
        return self.jobs.folder / f"{self.token}.{rank}"

    def output(self, rank):
        return self.output_file(rank).read_text(errors="replace")

    def outputs(self):
        codes = {rank: process.poll() for rank, process in self.processes.items()}
        return "".join(f"---- rank {rank}, code {codes[rank]}:\n{self.output(rank)}" for rank in self.processes)

    def send(self, rank, number):
        self.processes[rank].send_signal(number)
        return time.monotonic()

    # --- how far it is

    def running(self):
        return [rank for rank in self.processes if rank not in self.ended]

    def come_to(self, there, pause=0.005):
        """Waits until there() is true. Returns whether all ranks still run."""
        while len(self.running()) == len(self.processes):
            if there():
                return True
            check(time.monotonic() - self.began < 120, f"{self.run}: does not go on\n{self.state()}")
            time.sleep(pause)
        return False

    def sleep(self, seconds):
        end = time.monotonic() + seconds
        return self.come_to(lambda: time.monotonic() >= end)

    def listens(self):
        return any(port == self.port and state == LISTENING for port, state, *_ in sockets())

    def lines(self):
        with contextlib.suppress(OSError):
            return (self.jobs.folder / self.run / "metrics.jsonl").read_text().splitlines()
        return []

    def is_tested(self):
        return any('"event":"test"' in line for line in self.lines())

    def saving(self):
        """The names of what a save has begun."""
        with contextlib.suppress(OSError):
            names = os.listdir(self.jobs.folder / self.run / "checkpoints")
            return {name for name in names if LEFT_BY_A_SAVE.fullmatch(name) and name.startswith(".step")}
        return set()

    def has_full_socket(self):
        """Whether a rank has sent bytes that its peer does not take."""
        inodes = set()
        for process in self.processes.values():
            with contextlib.suppress(OSError):
                for descriptor in os.scandir(f"/proc/{process.pid}/fd"):
                    inodes.add(os.readlink(descriptor.path).removeprefix("socket:[").removesuffix("]"))
        return any(waiting > 0 and inode in inodes for _, _, waiting, inode in sockets())

    def state(self):
        """The outputs, and for ranks that run what their threads wait for."""
        text = self.outputs()
        for rank in self.running():
            text += f"---- rank {rank} runs:"
            with contextlib.suppress(OSError):
                for task in os.scandir(f"/proc/{self.processes[rank].pid}/task"):
                    name, where, status = (pathlib.Path(task.path, file).read_text().strip()
                                           for file in ("comm", "wchan", "stat"))
                    text += f" {name} ({status.rsplit(')', 1)[1].split()[0]}, {where})"
            text += "\n"
        return text

    # --- how it ends

    def expect_end(self, ranks, since, seconds, what):
        """Waits for ranks, and checks that they end in time. Returns how long they took."""
        ranks, limit = list(ranks), seconds + self.jobs.slack
        while (left := set(ranks) & set(self.running())) and time.monotonic() - since < limit:
            time.sleep(0.01)
        check(not left, f"{what}: rank {', '.join(map(str, sorted(left)))} still runs after {limit} s\n{self.state()}")
        took = max((self.ended[rank] - since for rank in ranks), default=0)
        check(took < limit, f"{what}: the others took {took:.1f} s to end; {limit} s are allowed\n{self.outputs()}")
        return took

    def code(self, rank):
        return self.processes[rank].returncode

    def expect_done(self, what, seconds=120):
        self.expect_end(self.processes, time.monotonic(), seconds, what)
        check(all(self.code(rank) == 0 for rank in self.processes), f"{what}: the job failed\n{self.outputs()}")

    def expect_nothing_left(self):
        """No process of the job is left, whoever its parent is."""
        needle = f"WEFT_DIST_TOKEN={self.token}\0".encode()
        for entry in os.scandir("/proc"):
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and needle in pathlib.Path(entry.path, "environ").read_bytes():
                    raise Broken(f"{self.run}: process {entry.name} of the job is left\n{self.outputs()}")


class Jobs:
    """Jobs in one folder, and the undisturbed ones that they are compared with. Thread-safe."""

    def __init__(self, options, folder, counts):
        self.weft, self.faults, self.folder, self.counts = options.weft, options.faults, folder, counts
        self.computing = threading.Semaphore(options.jobs)
        self.lock, self.undisturbed = threading.Lock(), {}
        for name, text in CONFIGS.items():
            (folder / f"{name}.yaml").write_text(text)

    @property
    def slack(self):
        """Seconds that other programs may add to a limit."""
        return max(SLACK, os.getloadavg()[0] / os.cpu_count())

    @contextlib.contextmanager
    def while_it_waits(self):
        """Another job may compute: this one waits for a rank that is stopped or missing."""
        self.computing.release()
        try:
            yield
        finally:
            self.computing.acquire()

    def expected(self, config, size):
        """What an undisturbed job comes to, and how long it takes to its first step."""
        with self.lock:
            lock, found = self.undisturbed.setdefault((config, size), (threading.Lock(), []))
        with lock:
            if not found:
                run = f"undisturbed-{config}-{size}"
                with Job(self, config, size, run).start_all() as job:
                    job.come_to(lambda: "run folder:" in job.output(0))
                    started = time.monotonic() - job.began
                    job.expect_done(f"the undisturbed job of {size} ranks ({config})")
                found.append((self.outcome(run), started))
            return found[0]

    def outcome(self, run):
        newest = self.folder / run / "checkpoints" / name_of(visible(self.folder / run)[-1])
        return {name: sha256(newest / name) for name in ("model.safetensors", "optimizer.safetensors")}, \
            events_of(self.folder / run)

    def newest_good(self, run):
        """Checks the visible checkpoints and `last`. Returns whether there is one."""
        folder = self.folder / run / "checkpoints"
        seen = [name_of(number) for number in visible(self.folder / run)]
        for name in seen + (["last"] if (folder / "last").is_symlink() else []):
            problem = problem_of(folder / name)
            check(not problem, f"{run}: {name} is visible and does not verify: {problem}")
        return bool(seen)

    def expect_the_same(self, run, config, size, exactly, what):
        (files, events), (wanted_files, wanted) = self.outcome(run), self.expected(config, size)[0]
        check(len(events) == len(wanted) and all(map(same_event, events, wanted)),
              f"{what}: metrics differ from those of the undisturbed job:\n{json.dumps(events)}\n{json.dumps(wanted)}")
        if exactly:
            check(events == wanted, f"{what}: metrics differ in their last bits from those of the undisturbed job:\n"
                                    f"{json.dumps(events)}\n{json.dumps(wanted)}")
            check(files == wanted_files, f"{what}: weights or state differ from those of the undisturbed job")
        left = [name for name in os.listdir(self.folder / run / "checkpoints") if LEFT_BY_A_SAVE.fullmatch(name)]
        check(not left, f"{what}: the end of the run left {left} behind")
        self.counts.add(f"runs with the result of the undisturbed run, {'to the bit' if exactly else 'to rounding'}")

    def resume(self, run, config, size, now, what):
        """`now` ranks go on with what `size` ranks have begun, to the end."""
        resumes = self.newest_good(run)
        with Job(self, config, now, run).start_all() as job:
            job.expect_done(f"{what}: resumed by {now}")
            if resumes:
                check("resume: going on from" in job.output(0), f"{what}: was not resumed\n{job.outputs()}")
            if resumes and now != size:
                check(f"ranks {size} -> {now}" in job.output(0), f"{what}: no word of {now} ranks\n{job.outputs()}")
        # Without a checkpoint all of the run is that of `now` ranks.
        self.expect_the_same(run, config, size if resumes else now, now == size or not resumes, what)

    def remove(self, run):
        shutil.rmtree(self.folder / run, ignore_errors=True)


def same_event(event, wanted):
    return event.keys() == wanted.keys() and all(
        math.isclose(value, wanted[key], rel_tol=TOLERANCE, abs_tol=TOLERANCE) if isinstance(value, float)
        else value == wanted[key] for key, value in event.items())
