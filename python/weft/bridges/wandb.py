# SPDX-License-Identifier: Apache-2.0
"""The logger `wandb` starts this program and tells it, as lines of JSON on standard input, what to
write to Weights & Biases:

    {"do": "init", "project": …, "dir": …, …}   what wandb.init() takes, and "config"
    {"do": "log", "step": 5, "time": …,         seconds since 1970
     "values": {…}}                             numbers; those that JSON lacks as "nan", "inf", "-inf"
    {"do": "save", "file": …, "base": …}        a file or folder, by its path within "base"
    {"do": "finish", "exit_code": 0, "summary": {…}}

Each line is answered by a line on standard output: `ok`, `warning TEXT` or, before the program
ends, `fatal TEXT`. If the input ends without "finish", the run has failed. The program needs wandb
alone. It can be started as a file, or as `python3 -m weft.bridges.wandb`.
"""
from __future__ import annotations

import json
import os
import sys
from typing import Any, TextIO

Message = dict[str, Any]


class Bridge:
    """A run of Weights & Biases. Its functions are the messages."""

    def __init__(self) -> None:
        self._run: Any = None

    def init(self, message: Message) -> None:
        import wandb
        settings = wandb.Settings(console="off", disable_code=True, x_disable_stats=True, silent=True)
        self._run = wandb.init(
            project=message["project"], name=message["name"], id=message["id"],
            entity=message["entity"] or None, group=message["group"] or None, mode=message["mode"],
            dir=message["dir"], config=message["config"], resume="allow", settings=settings)

    def log(self, message: Message) -> None:
        values = {key: float(value) for key, value in message["values"].items()}
        # The time of the event, not that of its arrival. wandb sets _runtime itself.
        self._run.log({"_timestamp": message["time"], **values}, step=message["step"])

    def save(self, message: Message) -> None:
        path, base = message["file"], message["base"]
        names = [path]
        if os.path.isdir(path):
            names = [os.path.join(path, name) for name in sorted(os.listdir(path))]
        for name in names:
            self._run.save(name, base_path=base, policy="now")

    def finish(self, message: Message) -> None:
        run, self._run = self._run, None
        run.summary.update(message["summary"])
        run.finish(exit_code=message["exit_code"])

    def fail(self) -> None:
        if self._run is not None:
            self._run.finish(exit_code=1)


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return text or type(error).__name__


def _fatal(error: Exception) -> str:
    if isinstance(error, ImportError):
        return (f"{sys.executable} has no package wandb ({_one_line(error)}); "
                f"`{sys.executable} -m pip install wandb`, or an interpreter that has it "
                "(WEFT_PYTHON, or the logger's python), is required")
    return (f"wandb.init() failed ({_one_line(error)}); `wandb login`, or mode: offline, may be "
            "what is missing")


def serve(lines: TextIO, answers: TextIO) -> int:
    """Does what the lines say, and returns the exit code."""
    bridge = Bridge()

    def answer(text: str) -> None:
        try:
            answers.write(text + "\n")
            answers.flush()
        except OSError:  # the run is gone; its end of input comes next
            pass

    for line in lines:
        message: Message = json.loads(line)
        try:
            getattr(bridge, message["do"])(message)
        except Exception as error:  # of a package that may raise anything
            if message["do"] == "init":
                answer("fatal " + _fatal(error))
                return 1
            answer(f"warning wandb: {message['do']} failed ({_one_line(error)})")
        else:
            answer("ok")
        if message["do"] == "finish":
            return 0
    bridge.fail()
    return 1


def main() -> int:
    # As a file, this is the first `wandb` that Python would find.
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [folder for folder in sys.path if os.path.abspath(folder) != here]
    # What other code prints must be no answer, and what it reads no message.
    lines, answers = os.fdopen(os.dup(0), encoding="utf-8"), os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return serve(lines, answers)


if __name__ == "__main__":
    sys.exit(main())
