# SPDX-License-Identifier: Apache-2.0
"""Runs programs with a time limit. Each has a session of its own, so that nothing it started is
left when it is ended."""
import contextlib
import os
import queue
import signal
import subprocess
import threading
import time

running = set()  # processes
lock = threading.Lock()
ending = threading.Event()  # all is to end now


def kill(process):
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def end_all():
    """For a handler of signals. No program is started afterwards."""
    ending.set()
    for process in list(running):
        kill(process)


@contextlib.contextmanager
def started(command, **settings):
    if ending.is_set():
        raise TimeoutError
    process = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, errors="replace", start_new_session=True, **settings)
    with lock:
        running.add(process)
    if ending.is_set():
        kill(process)
    try:
        yield process
    finally:
        kill(process)
        process.wait()
        process.stdout.close()
        with lock:
            running.discard(process)


def lines_of(process, deadline, quiet):
    """Yields the lines as they come. Ends with the program, or by TimeoutError at the deadline or
    after `quiet` seconds without a line."""
    lines = queue.Queue()

    def read():
        with contextlib.suppress(ValueError):
            for line in process.stdout:
                lines.put(line.rstrip("\n"))
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    while True:
        wait = min(deadline - time.monotonic(), quiet)
        try:
            line = lines.get(timeout=max(0.0, wait))
        except queue.Empty:
            raise TimeoutError from None
        if ending.is_set():
            raise TimeoutError
        if line is None:
            return
        yield line


def run(command, deadline, quiet=1e9, **settings):
    """Returns (exit code, output). It is 124 if the program was ended, 127 if there is none."""
    output = []
    try:
        with started(command, **settings) as process:
            try:
                for line in lines_of(process, deadline, quiet):
                    output.append(line)
                code = process.wait(max(0.1, deadline - time.monotonic()))
            except (TimeoutError, subprocess.TimeoutExpired):
                code = 124
    except TimeoutError:
        code = 124
    except OSError as error:
        return 127, str(error)
    return code, "\n".join(output)
