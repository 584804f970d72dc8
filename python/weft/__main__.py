# SPDX-License-Identifier: Apache-2.0
"""python -m weft tune CONFIG --space SPACE.yaml --trials N --storage FILE.db …: what `weft tune`
starts."""
from __future__ import annotations

import argparse
import math
import os
import shlex
import signal
import sys
from typing import List, NoReturn, Optional

from weft._error import Error, mistake, mistake_in
from weft._study import PRUNERS, SAMPLERS
from weft._tune import Interrupted, Unwritten, tune
from weft._tune_result import Trial, TuneResult

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_PROGRAM = "--program"  # an option that `weft tune` adds


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise mistake(f"command line: {message}")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="weft tune", description="trials of a config, by Optuna")
    add = parser.add_argument
    add("config", metavar="CONFIG", help="YAML file")
    add("overrides", metavar="key=value", nargs="*", help="changes to the config, for all trials")
    add("--space", required=True, metavar="FILE", help="YAML file with the keys that are tuned")
    add("--trials", required=True, type=int, metavar="N", help="trials that the study has at the end")
    add("--storage", required=True, metavar="FILE", help="SQLite file of the study; it can be continued")
    add("--jobs", type=int, default=1, metavar="J", help="runs side by side")
    add("--timeout", metavar="TIME", help="stop after this time, like 90s, 30m, 2h; a number is seconds")
    add("--sampler", default="tpe", metavar="NAME", help=", ".join(SAMPLERS))
    add("--pruner", default="median", metavar="NAME", help=", ".join(PRUNERS))
    add("--seed", type=int, default=0, metavar="N", help="of the sampler")
    add("--plugin", action="append", default=[], metavar="FILE", help="shared library of entries")
    add(_PROGRAM, metavar="FILE", help="the program weft")
    add("--python", metavar="FILE", help="this Python, which `weft tune` has started")
    return parser


def _seconds(text: Optional[str]) -> Optional[float]:
    if text is None:
        return None
    unit = _UNITS.get(text[-1:], 0)
    try:
        seconds = float(text[:-1] if unit else text) * (unit or 1)
    except ValueError:
        seconds = 0
    if not 0 < seconds < math.inf:
        raise mistake_in("timeout", f": '{text}' given; a time above 0 is required, like 90s, 30m or 2h, or a "
                                    "number of seconds")
    return seconds


def _say(trial: Trial) -> None:
    loss = "" if trial.loss is None else f", validation loss {trial.loss:.5g}"
    values = "  ".join(f"{key}={value:.5g}" if isinstance(value, float) else f"{key}={value}"
                       for key, value in trial.values.items())
    print(f"trial {trial.number} {trial.outcome}{loss}  {values}", flush=True)


def _show(result: TuneResult, again: str, stopped: bool) -> None:
    print("\n" + result.table())
    if result.command is not None:
        print(f"best: trial {result.trials[0].number}. Next: {result.command}")
    if stopped:
        print(f"stopped; the same command goes on: {again}", flush=True)


def _command(arguments: List[str]) -> str:
    """The command line of `weft tune`."""
    words = [word for word in arguments if not word.startswith(f"{_PROGRAM}=")]
    if _PROGRAM in words:
        at = words.index(_PROGRAM)
        del words[at:at + 2]
    return shlex.join(["weft", *words])


_stopped_by = signal.SIGINT


def _interrupt(number: int, _: object) -> NoReturn:
    global _stopped_by
    _stopped_by = signal.Signals(number)
    raise KeyboardInterrupt


def _exit_code(result: TuneResult) -> int:
    """That of a run (docs/checkpoints.md), where no trial is complete and none can go on."""
    outcomes = {trial.outcome for trial in result.trials}
    if not outcomes or outcomes & {"complete", "stopped"}:
        return 0
    if outcomes == {"failed"}:
        return 2 if all(trial.code in (None, 2) for trial in result.trials) else 1
    return 3


def _tune(arguments: List[str]) -> int:
    given = _parser().parse_intermixed_args(arguments)
    again = _command(["tune", *arguments])
    signal.signal(signal.SIGTERM, _interrupt)  # as Ctrl-C
    try:
        result = tune(given.config, given.space, given.trials, given.storage, given.overrides,
                      jobs=given.jobs, timeout=_seconds(given.timeout), sampler=given.sampler,
                      pruner=given.pruner, seed=given.seed, program=given.program, plugins=given.plugin,
                      on_trial=_say)
    except Unwritten as unwritten:
        _show(unwritten.result, again, unwritten.interrupted)
        raise
    except Interrupted as interrupted:
        _show(interrupted.result, again, True)
        return 128 + _stopped_by
    _show(result, again, any(trial.outcome == "stopped" for trial in result.trials))
    return _exit_code(result)


def _fail(sentence: str, code: int) -> int:
    sys.stdout.flush()
    print("weft: " + " ".join(sentence.split("\n")), file=sys.stderr)
    return code


def main(arguments: List[str]) -> int:
    try:
        if arguments[:1] != ["tune"]:
            raise mistake(f"python -m weft: {shlex.join(arguments) or 'nothing'} given; tune is required")
        return _tune(arguments[1:])
    except Error as error:
        return _fail(f"--{error}" if error.argument else str(error), error.code)
    except KeyboardInterrupt:
        print("weft: stopped before the first trial", file=sys.stderr)
        return 128 + _stopped_by
    except BrokenPipeError:  # the runs have been stopped; the next call goes on
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except (TypeError, ValueError) as error:
        return _fail(str(error), 2)
    except OSError as error:
        return _fail(str(error), 1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
