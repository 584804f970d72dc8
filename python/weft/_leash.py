# SPDX-License-Identifier: Apache-2.0
"""Runs a command that must not outlive the process that starts it:

    python -I _leash.py SECONDS COMMAND ...

When standard input ends, because that process closes it or is gone, the command gets SIGTERM, and
SIGKILL if it is still there after SECONDS. The exit code is that of the command, or 128 + n if
signal n ended it.
"""
import ctypes
import os
import signal
import subprocess
import sys
import threading

_PR_SET_PDEATHSIG = 1


def _end_with_parent():
    """SIGTERM for the command if this process is killed, on Linux."""
    try:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
    except (AttributeError, OSError):
        pass


def _end_with_input(child, seconds):
    while os.read(0, 4096):
        pass
    child.terminate()
    try:
        child.wait(seconds)
    except subprocess.TimeoutExpired:
        child.kill()


def main():
    seconds, command = float(sys.argv[1]), sys.argv[2:]
    try:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=_end_with_parent)
    except OSError as error:
        print(f"{command[0]} cannot be started: {error.strerror}", file=sys.stderr)
        return 127
    threading.Thread(target=_end_with_input, args=(child, seconds), daemon=True).start()
    code = child.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    ended = main()
    sys.stderr.flush()
    os._exit(ended)  # without waiting for the thread that reads standard input
