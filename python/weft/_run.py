# SPDX-License-Identifier: Apache-2.0
"""Starts `weft train`, and hands over what happens in the run."""
from __future__ import annotations

import dataclasses
import json
import math
import os
import pathlib
import queue
import re
import shutil
import subprocess
import tempfile
import threading
from typing import (Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, TextIO,
                    Union)

from weft import _check, _leash
from weft._command import Command
from weft._error import Error, mistake

SCHEMA = 1  # of the events that this package knows

Event = Dict[str, Any]
Path = Union[str, "os.PathLike[str]"]
Config = Union[Path, Mapping[str, Any]]

_STOPPED = (129, 130, 141, 143, 152)  # by a signal, after a checkpoint


@dataclasses.dataclass(frozen=True)
class Result:
    """How a run has ended.

    folder: the run folder.
    code: the exit code of the program: 0, or 128 + a signal that stopped it.
    reason: complete, ended_early (a callback or train.max_steps), or stopped: it can be resumed.
    message: why it ended early; None without a reason.
    epochs, steps: those of the whole run.
    validation_loss: of the last validation; infinity without one.
    metrics: the last values by their names in metrics.jsonl: "train/loss", "validation/loss",
        "test/accuracy". null there is NaN here.
    checkpoint: the newest checkpoint that was written in this process, if there is one.
    """

    folder: pathlib.Path
    code: int
    reason: str
    message: Optional[str]
    epochs: int
    steps: int
    validation_loss: float
    metrics: Dict[str, float]
    checkpoint: Optional[pathlib.Path]

    @property
    def stopped(self) -> bool:
        return self.reason == "stopped"


def find_program(program: Optional[Path]) -> str:
    """The path of the program `weft`, by default the one in PATH. Raises Error without one."""
    name = "weft" if program is None else _check.path_of("program", program)
    found = shutil.which(name)
    if found is None:
        where = "weft is not in PATH" if program is None else f"{name} is no program"
        raise mistake(f"{where}; the program `weft` is required (./run build, or program=PATH)")
    return os.path.abspath(found)


class ConfigFile:
    """The file of a config, which a dict gets for as long as it is read. `config` is what
    _check.config_of() returns."""

    def __init__(self, config: Union[str, Dict[str, Any]]) -> None:
        self._folder: Optional["tempfile.TemporaryDirectory[str]"] = None
        if isinstance(config, dict):
            self._folder = tempfile.TemporaryDirectory(prefix="weft-")
            self.path = os.path.join(self._folder.name, "python.yaml")
            pathlib.Path(self.path).write_text(json.dumps(config), encoding="utf-8")  # YAML reads JSON
        else:
            self.path = os.path.abspath(config)

    def named(self, sentence: str) -> str:
        """A sentence of the program, in which `config` stands for a place in the file of a dict."""
        if self._folder is None:
            return sentence
        return re.sub(re.escape(self.path) + "(:[0-9]+)*", "config", sentence)

    def remove(self) -> None:
        if self._folder is not None:
            self._folder.cleanup()


def sentence_of(lines: Sequence[str], code: int) -> str:
    """The program's sentence in the end of its standard error."""
    for line in reversed(lines):
        if line.startswith("weft: ") and not line.startswith("weft: warning: "):
            return line[len("weft: "):].rstrip("\n")
    if lines:
        return lines[-1].rstrip("\n")
    if code > 128:
        return f"weft was ended by signal {code - 128}"
    return f"weft has ended with exit code {code} and no sentence"


class Run:
    """A run that goes on in another process. `weft.run` makes it.

    Iterating over it, and wait(), take its events in order. The run does not wait for that: events
    are kept until they are taken. As a context manager, it stops the run at the end of the block.
    """

    def __init__(self, command: Sequence[str], config: ConfigFile, *,
                 on_event: Optional[Callable[[Event], object]], output: Optional[TextIO],
                 environment: Mapping[str, str], folder: Optional[Path], grace: float,
                 descriptors: Sequence[int] = ()) -> None:
        self._config, self._on_event = config, on_event
        self._events: "queue.SimpleQueue[Optional[Event]]" = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._begin: Optional[Event] = None   # these three are set by the thread that reads
        self._end: Optional[Event] = None
        self._checkpoint: Optional[pathlib.Path] = None
        self._save_at_begin = self._stop_asked = False
        self._metrics: Dict[str, float] = {}
        self._result: Union[Result, Error, None] = None
        self._base = pathlib.Path(folder or os.getcwd())

        def show(line: str) -> None:
            if output is not None:
                output.write(line)

        reads, writes = os.pipe()
        try:
            self._command = Command([*command, "--events", str(writes)], grace=grace,
                                    environment=environment, folder=folder, on_line=show,
                                    on_error=show, descriptors=[writes, *descriptors])
        except BaseException:
            os.close(reads)
            raise
        finally:
            os.close(writes)
        self._reader = threading.Thread(target=self._read, args=(reads,), daemon=True)
        self._reader.start()

    # ---- what happens

    def _read(self, descriptor: int) -> None:
        with open(descriptor, "rb") as lines:
            for line in lines:
                try:
                    event = json.loads(line)
                except ValueError:  # the program was killed in the middle of it
                    continue
                self._note(event)
                self._events.put(event)
        self._events.put(None)

    def _note(self, event: Event) -> None:
        if event["event"] == "begin":
            with self._lock:
                self._begin = event
                if self._save_at_begin:
                    self._command.send(_leash.CHECKPOINT)
        elif event["event"] == "end":
            self._end = event
        elif event["event"] == "checkpoint":
            self._checkpoint = self._base / event["folder"]

    def _take(self, event: Event) -> None:
        for name, value in event.items():
            if "/" in name and (value is None or isinstance(value, (int, float))):
                self._metrics[name] = math.nan if value is None else float(value)
        if self._on_event is not None:
            self._on_event(event)

    def __iter__(self) -> Iterator[Event]:
        """Takes the events until the run has ended. It raises no error of the run; wait() does."""
        while True:
            event = self._events.get()
            if event is None:
                self._events.put(None)  # for the next one who asks
                return
            self._take(event)
            yield event

    @property
    def folder(self) -> Optional[pathlib.Path]:
        """The run folder, as soon as the run has begun."""
        return self._base / self._begin["folder"] if self._begin is not None else None

    # ---- what can be asked for

    def stop(self) -> None:
        """Asks the run to stop after the current step, with a checkpoint. Returns at once. The run
        can be resumed: weft.run(folder / "config.yaml", [f"run.dir={folder}", "resume=auto"])."""
        with self._lock:
            if not self._stop_asked:  # a second signal would end the program at once
                self._stop_asked = True
                self._command.send(_leash.INTERRUPT)

    def checkpoint(self) -> None:
        """Asks for a checkpoint after the current step. Returns at once. The event `checkpoint`
        says when it is written. A run that has not begun yet makes it after its first step."""
        with self._lock:
            if self._begin is not None:
                self._command.send(_leash.CHECKPOINT)
            self._save_at_begin = True

    def kill(self) -> None:
        """Ends the program at once, without a checkpoint."""
        self._command.send(_leash.KILL)

    def running(self) -> bool:
        return self._command.code() is None

    def wait(self) -> Result:
        """Takes the events that are left, and waits for the end of the run. Raises Error, with the
        program's sentence, if it has failed. KeyboardInterrupt (Ctrl-C) stops the run with a
        checkpoint, and is raised after that."""
        if self._result is None:
            try:
                for _ in self:
                    pass
                code = self._command.wait()
            except KeyboardInterrupt:
                self.stop()
                self._reader.join()
                self._command.wait()
                self._config.remove()
                raise
            self._result = self._how_it_ended(code)
            self._config.remove()
            self._command.stop()  # closes its input
        if isinstance(self._result, Error):
            raise self._result
        return self._result

    def _how_it_ended(self, code: int) -> Union[Result, Error]:
        end, folder = self._end or {}, self.folder
        reason = end.get("reason")
        ended_well = code == 0 or (code in _STOPPED and reason in ("stopped", "complete", "ended_early"))
        if not ended_well or folder is None:
            lines = self._command.lines()
            message = end.get("message") if reason in ("failed", "error") else None
            return Error(self._config.named(message or sentence_of(lines, code)), code,
                         str(folder) if folder else None)
        loss = end.get("validation_loss")
        return Result(folder=folder, code=code, reason=str(reason), message=end.get("message"),
                      epochs=int(end["epochs"]), steps=int(end["step"]),
                      validation_loss=math.inf if loss is None else float(loss),
                      metrics=dict(self._metrics), checkpoint=self._checkpoint)

    def __enter__(self) -> "Run":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        self._reader.join()
        try:
            self._command.wait()
        finally:
            self._command.stop()
            self._config.remove()


def run(config: Config, overrides: Sequence[str] = (),
        on_event: Optional[Callable[[Event], object]] = None, program: Optional[Path] = None, *,
        output: Optional[TextIO] = None, environment: Optional[Mapping[str, str]] = None,
        folder: Optional[Path] = None, plugins: Sequence[Path] = (), grace: float = 20,
        descriptors: Sequence[int] = ()) -> Run:
    """Starts `weft train` and returns at once.

        for event in weft.run("configs/digits_mlp.yaml", ["train.epochs=3"]):
            if event["event"] == "epoch":
                print(event["epoch"], event["validation/loss"])

        result = weft.run({"data": {"type": "digits"}, "model": {"type": "mlp"}}).wait()
        weights = weft.load(result.folder / "checkpoints/last/model.safetensors")

    config: the path of a config, or a dict of the same keys. Its values may be numpy's.
    overrides: texts as on the command line, such as "train.epochs=3".
    on_event: is called for each event, by the thread that iterates or waits. What it raises is
        raised there, and the run goes on.
    program: the program `weft`; by default the one in PATH.
    output: a text file, such as sys.stdout, that gets what the program prints, which is also in
        log.txt of the run folder.
    environment: further variables of the program's environment.
    folder: the working directory of the program.
    plugins: shared libraries with entries of your own.
    grace: the seconds that the program may take to save a checkpoint when this process ends. A
        process that is killed takes its run with it.

    Raises TypeError or ValueError, with a sentence, for an argument that is none, and Error for a
    program or a folder that is not there.
    """
    content, changes = _check.config_of(config), _check.overrides_of(overrides)
    _check.check_callable("on_event", on_event)
    if output is not None and not hasattr(output, "write"):
        raise TypeError(f"output: {type(output).__name__} given; a text file is required")
    variables = {**os.environ, **_check.environment_of(environment)}
    place = _check.folder_of("folder", folder)
    options = [text for plugin in _check.paths_of("plugins", plugins) for text in ("--plugin", plugin)]
    _check.check_seconds("grace", grace)
    found = find_program(program)
    file = ConfigFile(content)
    try:
        return Run([found, "train", file.path, *changes, *options], file, on_event=on_event,
                   output=output, environment=variables, folder=place, grace=grace,
                   descriptors=descriptors)
    except BaseException:
        file.remove()
        raise


def resolved_config(program: str, config: Path, overrides: Sequence[str] = (),
                    plugins: Sequence[Path] = ()) -> str:
    """What `weft config` prints. Raises Error with the program's sentence."""
    options = [text for plugin in plugins for text in ("--plugin", os.fspath(plugin))]
    done = subprocess.run([program, "config", os.fspath(config), *overrides, *options], text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, errors="replace")
    if done.returncode != 0:
        lines = done.stderr.splitlines(keepends=True)
        raise Error(sentence_of(lines, done.returncode), done.returncode)
    return done.stdout
