# SPDX-License-Identifier: Apache-2.0
"""Runs a command that must not outlive the process that starts it:

    python -I _leash.py SECONDS COMMAND ...

When standard input ends, because that process closes it or is gone, the command gets SIGTERM, and
SIGKILL if it is still there after SECONDS. Before that, each byte of standard input is a signal for
the command: i SIGINT, u SIGUSR1, k SIGKILL. The command inherits the open descriptors. The exit
code is that of the command, or 128 + n if signal n ended it.
"""
from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import threading

INTERRUPT, CHECKPOINT, KILL = b"i", b"u", b"k"

_PR_SET_PDEATHSIG = 1
_SIGNALS = {INTERRUPT[0]: signal.SIGINT, CHECKPOINT[0]: signal.SIGUSR1, KILL[0]: signal.SIGKILL}


def _prepare() -> None:
    """SIGTERM for the command if this process is killed, on Linux. What a shell ignores for its
    background jobs must not be ignored by the command, which is asked to stop by it."""
    for number in (signal.SIGINT, signal.SIGUSR1):
        signal.signal(number, signal.SIG_DFL)
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    except (AttributeError, OSError):
        pass


def _follow_input(child: subprocess.Popen[bytes], seconds: float) -> None:
    while asked := os.read(0, 4096):
        for byte in asked:
            if byte in _SIGNALS:
                child.send_signal(_SIGNALS[byte])
    child.terminate()
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        child.kill()


def main() -> int:
    seconds, command = float(sys.argv[1]), sys.argv[2:]
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=_prepare,
                                 close_fds=False)
    except OSError as error:
        print(f"{command[0]} cannot be started: {error.strerror}", file=sys.stderr)
        return 127
    threading.Thread(target=_follow_input, args=(child, seconds), daemon=True).start()
    code = child.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    ended = main()
    sys.stderr.flush()
    os._exit(ended)  # without waiting for the thread that reads standard input
