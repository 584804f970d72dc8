# SPDX-License-Identifier: Apache-2.0
"""What happens to a job of ranks: kills, stops, signals, refused connections and strangers.

Each function takes an Event and lets it happen once. It returns what happened, for the counts, or
None if the job had ended before. docs/distributed.md has the exit codes.
"""
import contextlib
import dataclasses
import re
import signal
import socket
import struct
import threading

from .ranks import Job, Jobs, check, free_port

GONE_AFTER_KILL, GONE_AFTER_STOP = 10, 20  # seconds
PATIENCE = 15  # dist.timeout where something happens at the start, which waits so long for a rank
STOPPED_BY_TERM = 128 + signal.SIGTERM
MOMENTS = ("start", "forming", "first steps", "any step", "saving", "end")


@dataclasses.dataclass
class Event:
    jobs: Jobs
    job: Job
    random: object
    what: str  # for messages
    moment: str = ""
    times: dict = dataclasses.field(default_factory=dict)  # seconds until the others were gone

    def victim(self):
        victim = self.random.randrange(self.job.size)
        self.what += f", rank {victim} of {self.job.size}"
        return victim

    def begin(self, moments=MOMENTS):
        """Starts all ranks and waits for a random moment. Returns whether all still run."""
        self.moment = self.random.choice(moments)
        self.what += f", {self.moment}"
        job, started = self.job, self.jobs.expected(self.job.config, self.job.size)[1]
        if self.early():
            job.more = [f"dist.timeout={PATIENCE}"]
        job.start_all()
        if self.moment == "start":
            return job.sleep(self.random.uniform(0, started))
        if self.moment == "forming":
            return job.come_to(job.listens, 0.001) and job.sleep(self.random.uniform(0, 0.1))
        if self.moment == "first steps":
            return job.come_to(lambda: "run folder:" in job.output(0)) and job.sleep(self.random.uniform(0, 0.2))
        if self.moment == "saving":
            seen, number = set(), self.random.randint(1, 4)

            def saves():
                seen.update(job.saving())
                return len(seen) >= number and job.saving()
            return job.come_to(saves, 0.0005)
        wanted = len(self.jobs.expected(job.config, job.size)[0][1])  # lines of metrics
        if self.moment == "any step":
            wanted = self.random.randrange(1, wanted)
        # The last line is that of the test.
        return job.come_to(lambda: len(job.lines()) >= wanted - (self.moment == "end"), 0.001) and \
            job.sleep(self.random.uniform(0, 0.1))

    def early(self):
        """Whether the group may not have been formed when it happened."""
        return self.moment in ("start", "forming")

    def expect_lost(self, victim, since, seconds, kind):
        """The others end in time, with an exit code and a sentence that fit to the loss."""
        others = [rank for rank in self.job.processes if rank != victim]
        if self.early():
            seconds = max(seconds, PATIENCE + 5)
        took = self.job.expect_end(others, since, seconds, self.what)
        lost = False
        for rank in others:
            lost |= self.expect_told(rank, victim)
        if lost:
            self.times[kind] = took

    def expect_told(self, rank, victim):
        """Returns whether it says that the victim is lost, and not that it has not come."""
        code, output = self.job.code(rank), self.job.output(rank)
        wrong = f"{self.what}: rank {rank} ended with code {code}\n{self.job.outputs()}"
        check(output.count("weft: ") - output.count("warning: ") <= 1, f"{wrong}\n(more than one sentence)")
        if told := re.search(rf"dist: rank {victim} on \S+ is lost(?: in ([^:]+))?: ", output):
            check(code == 1, wrong)
            self.jobs.counts.add(f"ranks that lost another in {re.sub('meeting ', '', told[1] or '(rank 0)')}")
            return True
        if code == 0:  # the victim had done its part
            check(self.job.is_tested(), wrong)
            return False
        check(self.early(), wrong)
        if victim == 0:
            check(code == 1 and "dist: rank 0 cannot be reached at port" in output, wrong)
        else:
            check(code == 2 and re.search(rf"dist: rank [\d, ]*\b{victim}\b[\d, ]* of {self.job.size} has not come "
                                          rf"within {PATIENCE} s", output), wrong)
        return False


def kill(event):
    if not event.begin():
        return None
    victim = event.victim()
    since = event.job.send(victim, signal.SIGKILL)
    with event.jobs.while_it_waits() if event.early() else contextlib.nullcontext():
        event.expect_lost(victim, since, GONE_AFTER_KILL, "kill")
    return f"SIGKILL, {event.moment}"


def stop(event, moments=MOMENTS):
    """A rank is stopped. When the others are gone, it is killed, or goes on and finds out."""
    if not event.begin(moments):
        return None
    victim, job = event.victim(), event.job
    since = job.send(victim, signal.SIGSTOP)
    with event.jobs.while_it_waits():
        full = job.config == "wide" and job.sleep(3) and job.has_full_socket()
        event.expect_lost(victim, since, GONE_AFTER_STOP, "stop")
        goes_on = event.random.random() < 0.5
        since = job.send(victim, signal.SIGCONT if goes_on else signal.SIGKILL)
        job.expect_end([victim], since, PATIENCE + 5 if event.early() else GONE_AFTER_KILL, event.what)
    # At the start it may have missed all others.
    allowed = (1, 2) if event.early() else (0, 1) if job.is_tested() else (1,)
    check(not goes_on or job.code(victim) in allowed,
          f"{event.what}: that went on and ended with code {job.code(victim)}\n{job.outputs()}")
    return f"SIGSTOP, {event.moment}" + (", and a full socket" if full else "")


def full_socket(event):
    event.job.config = "wide"
    return stop(event, ("first steps", "any step"))


def terminate(event):
    if not event.begin():
        return None
    victim, job = event.victim(), event.job
    since = job.send(victim, signal.SIGTERM)
    with event.jobs.while_it_waits() if event.early() else contextlib.nullcontext():
        job.expect_end(job.processes, since, max(GONE_AFTER_STOP, PATIENCE + 5), event.what)
    codes = {job.code(rank) for rank in job.processes}
    # Before a run listens to the signal, and after its end, it is as any other program.
    if job.code(victim) == -signal.SIGTERM and (event.early() or job.is_tested()):
        for rank in set(job.processes) - {victim}:
            event.expect_told(rank, victim)
        return f"SIGTERM, {event.moment}, before or after the run"
    stopped = codes == {STOPPED_BY_TERM} and "stopped after" in job.output(0) and event.jobs.newest_good(job.run)
    late = job.is_tested() and codes in ({0}, {STOPPED_BY_TERM})
    check(stopped or late, f"{event.what}: exit codes {codes}\n{job.outputs()}")
    return f"SIGTERM, {event.moment}"


def pause(event):
    """A rank is stopped for less time than makes it count as lost."""
    if not event.begin():
        return None
    victim = event.victim()
    event.job.send(victim, signal.SIGSTOP)
    with event.jobs.while_it_waits():
        event.job.sleep(event.random.uniform(0.2, 4))
        event.job.send(victim, signal.SIGCONT)
    event.job.expect_done(event.what)
    return f"a pause, {event.moment}"


def refused(event):
    """The MASTER_PORT of a rank is that of nobody. All miss somebody, and write nothing."""
    victim, job = event.victim(), event.job
    patience, port = 6, str(free_port())
    job.more = [f"dist.timeout={patience}"]
    for rank in range(job.size):
        job.start(rank, **({"MASTER_PORT": port} if rank == victim else {}))
    with event.jobs.while_it_waits():
        job.expect_end(job.processes, job.began, patience + 10, event.what)
    for rank in job.processes:
        reached = victim not in (0, rank) or rank == 0
        says = rf"dist: rank [\d, ]+ of {job.size} has not come within {patience} s" if reached \
            else "dist: rank 0 cannot be reached at port"
        check(job.code(rank) == (2 if reached else 1) and re.search(says, job.output(rank)),
              f"{event.what}: rank {rank}: code {job.code(rank)}\n{job.outputs()}")
    check(not (event.jobs.folder / job.run).exists(), f"{event.what}: there is a run folder")
    return "a wrong port"


def late(event):
    """A rank comes late, also rank 0, to which the others cannot connect until then."""
    victim, job = event.victim(), event.job
    for rank in range(job.size):
        if rank != victim:
            job.start(rank)
    with event.jobs.while_it_waits():
        check(job.sleep(event.random.uniform(0.3, 4)), f"{event.what}: one did not wait\n{job.outputs()}")
        job.start(victim)
    job.expect_done(event.what)
    return "a rank that comes late"


def stranger(event):
    """Connections of other programs to rank 0's store change nothing."""
    first = event.random.choice([b"", b"GET / HTTP/1.1\r\n\r\n", struct.pack("<I", 0xFFFFFFFF) * 9,
                                 event.random.randbytes(event.random.randint(1, 100_000))])
    job, done = event.job, threading.Event()

    def knock():
        """Again and again, and without reading an answer."""
        kept = []
        while not done.wait(0.05):
            with contextlib.suppress(OSError):
                kept.append(socket.create_connection(("127.0.0.1", job.port), timeout=1))
                kept[-1].sendall(first)
        for each in kept:
            each.close()
    thread = threading.Thread(target=knock)
    thread.start()
    try:
        job.start_all()
        job.expect_done(event.what)
    finally:
        done.set()
        thread.join()
    return "strangers that connect"


# How often each happens, in the test suite and in a hundred.
KINDS = {"kill": (kill, 7, 36), "stop": (stop, 3, 20), "terminate": (terminate, 4, 20), "pause": (pause, 1, 6),
         "refused": (refused, 1, 5), "late": (late, 2, 5), "stranger": (stranger, 1, 3),
         "full-socket": (full_socket, 1, 5)}
