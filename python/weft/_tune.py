# SPDX-License-Identifier: Apache-2.0
"""Tunes the keys of a config: runs of weft, each a trial of an Optuna study."""
from __future__ import annotations

import json
import math
import operator
import os
import pathlib
import threading
import time
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterator, List, Mapping, Optional, Sequence, Union

from weft import _check, _yaml
from weft._error import Error, mistake, mistake_in
from weft._run import (Config, ConfigFile, Event, Path, Result, Run, find_program, resolved_config,
                       run)
from weft._space import Assignment, Space, overrides_of, read_space
from weft._study import SEEDS, StorageError, Study, StudyFile, import_optuna
from weft._tune_result import Trial, TuneResult, check_writable, result_of, trial_of

if TYPE_CHECKING:
    import optuna

_POLL = 0.2  # seconds
_RESERVED = ("run.dir", "resume")  # each trial has its own
_NO_VALIDATION = "no validation samples are held out; data.validation_split above 0 is required"
_MEMORY = ("memory ran out", "use a smaller batch or model")  # a smaller trial may have enough
_MOST_CHECKED = 64  # configs of the space that are checked before the first trial


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, after the runs were stopped with a checkpoint. `result` has the trials until then."""

    def __init__(self, result: TuneResult) -> None:
        super().__init__()
        self.result = result


class Unwritten(Error):
    """The results could not be written. `result` has them; `interrupted`: after Ctrl-C."""

    def __init__(self, error: OSError, result: TuneResult, interrupted: bool) -> None:
        super().__init__(f"tune: {error.filename} cannot be written ({error.strerror}); the study has all "
                         "trials, and the same call writes them again", 1)
        self.result, self.interrupted = result, interrupted


def tune(config: Config, space: Union[Path, Mapping[str, Any]], trials: int, storage: Path,
         overrides: Sequence[str] = (), *, jobs: int = 1, timeout: Optional[float] = None,
         sampler: str = "tpe", pruner: str = "median", seed: int = 0,
         program: Optional[Path] = None, plugins: Sequence[Path] = (),
         on_trial: Optional[Callable[[Trial], object]] = None) -> TuneResult:
    """Runs trials until the study has `trials` of them, and returns all.

        result = weft.tune("configs/digits_mlp.yaml",
                           {"optimizer.lr": {"float": [1e-4, 1e-1], "log": True}},
                           trials=20, storage="digits.db")
        print(result.best.loss, result.command)

    space: the path of a YAML file, or a dict of the same form (docs/tuning.md).
    storage: the SQLite file of the study. The same call goes on with it.
    jobs: runs side by side.
    timeout: seconds, after which the runs are stopped with a checkpoint.
    sampler: tpe, random, grid or cmaes. pruner: median, hyperband or none.
    on_trial: is called after each trial, by a thread that is not the caller's.

    The final validation loss is minimised. Raises Error for mistakes. Ctrl-C stops the runs with a
    checkpoint and raises Interrupted, a KeyboardInterrupt. If the results cannot be written in the
    end, the Error has them as `result`.
    """
    trials, jobs = _integer("trials", trials, 1), _integer("jobs", jobs, 1)
    seed = _integer("seed", seed, 0, SEEDS - 1)
    _check_timeout(timeout)
    try:
        changes, content = _check.overrides_of(overrides), _check.config_of(config)
        storage, plugins = _check.path_of("storage", storage), _check.paths_of("plugins", plugins)
        _check.check_callable("on_trial", on_trial)
        found, found_space = find_program(program), read_space(space)
    except (TypeError, ValueError) as error:
        raise mistake(str(error)) from None
    import_optuna()
    _check_keys(found_space, changes)
    file = ConfigFile(content)
    try:
        plain = _checked_config(found, file, changes, plugins, found_space)
        changes_of_trials = changes + _threads(plain, jobs)
        lock, refused = StudyFile(storage), True
        try:
            check_writable(lock.path)
            folder = pathlib.Path("runs", f"{pathlib.Path(file.path).stem}-tune").absolute()
            study = Study(lock, found_space, config=plain, folder=folder, sampler=sampler, pruner=pruner,
                          seed=seed)
            refused = False
            tuner = _Tuner(study, trials=trials, on_trial=on_trial, named=file.named, start=_starter(
                found, file.path, changes_of_trials, plugins, lock.descriptor))
            interrupted = False
            try:
                tuner.work(jobs, timeout)
            except KeyboardInterrupt:
                interrupted = True
            result = result_of(study, config=None if isinstance(config, Mapping) else os.fspath(config),
                               overrides=changes, space=found_space, storage=storage, plugins=plugins)
            try:
                result.write(lock.path)
            except OSError as error:
                raise Unwritten(error, result, interrupted) from None
            if interrupted:
                raise Interrupted(result)
            return result
        finally:
            lock.close(discard=refused)
    finally:
        file.remove()


def _integer(name: str, value: Any, least: int, most: Optional[int] = None) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if number < least or (most is not None and number > most):
        required = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise mistake_in(name, f": {value!r} given; an integer {required} is required")
    return number


def _check_timeout(timeout: Optional[float]) -> None:
    if timeout is None:
        return
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not 0 < timeout < math.inf:
        raise mistake_in("timeout", f": {timeout!r} given; seconds above 0 are required")


def _validates(config: str) -> bool:
    """A run without a strategy validates only what data.validation_split holds out."""
    flat = _yaml.flat(_yaml.read(config, "config")[0])
    return flat.get("data.validation_split") != "0" or flat.get("strategy") != "null"


def _check_keys(space: Space, overrides: Sequence[str]) -> None:
    given = {text.split("=", 1)[0] for text in overrides}
    for key in [each.key for each in space.parameters] + sorted(given):
        if key in _RESERVED:
            raise mistake(f"tune: {key} given; it must be left out, because each trial has its own")
    for parameter in space.parameters:
        if parameter.key in given:
            raise mistake(f"tune: {parameter.key} is in the space and among the overrides; one of them is "
                          "required")


def _checked_config(program: str, file: ConfigFile, overrides: List[str], plugins: Sequence[Path],
                    space: Space) -> str:
    """The resolved config without the space. The program refuses keys and values of the space that
    it does not take. Values with which nothing would be validated are refused here."""
    try:
        plain = resolved_config(program, file.path, overrides, plugins)
    except Error as error:
        raise Error(file.named(str(error)), error.code) from None
    tuned = any(each.key.split(".")[0] == "strategy" or each.key in ("data", "data.validation_split")
                for each in space.parameters)
    if not tuned and not _validates(plain):
        raise mistake(f"tune: by the config, {_NO_VALIDATION}")
    for number, sample in enumerate(space.samples()):
        if number == _MOST_CHECKED:
            break
        chosen = overrides_of(sample)
        try:
            validates = _validates(resolved_config(program, file.path, overrides + chosen, plugins))
        except Error as error:
            sentence = file.named(str(error)).removeprefix("command line: ")
            raise Error(f"the space does not fit the config ({' '.join(chosen)}): {sentence}", error.code) \
                from None
        if not validates:
            raise mistake(f"the space does not fit the config ({' '.join(chosen)}): {_NO_VALIDATION}")
    return plain


def _threads(config: str, jobs: int) -> List[str]:
    """Runs side by side share the cores."""
    if jobs == 1 or _yaml.flat(_yaml.read(config, "config")[0]).get("run.threads", "0") != "0":
        return []
    return [f"run.threads={max(1, len(os.sched_getaffinity(0)) // jobs)}"]


_Start = Callable[[Assignment, pathlib.Path, bool], Run]


def _starter(program: str, config: str, overrides: List[str], plugins: Sequence[Path],
             lock: int) -> _Start:
    def start(chosen: Assignment, folder: pathlib.Path, begun: bool) -> Run:
        changes = [*overrides, *overrides_of(chosen), f"run.dir={folder}"]
        if begun:
            changes.append("resume=auto")
        return run(config, changes, program=program, plugins=plugins, descriptors=[lock])

    return start


class _Tuner:
    """Runs the trials of a study on threads. Optuna is used under a lock."""

    def __init__(self, study: Study, *, trials: int, start: _Start,
                 on_trial: Optional[Callable[[Trial], object]], named: Callable[[str], str]) -> None:
        """named: gives the sentences of the program the names that the user knows."""
        self._study, self._limit, self._start, self._on_trial = study, trials, start, on_trial
        self._named, self._lock = named, threading.RLock()
        self._runs: List[Run] = []
        self._stopping = False
        self._failure: Optional[BaseException] = None

    def work(self, jobs: int, timeout: Optional[float]) -> None:
        deadline = math.inf if timeout is None else time.monotonic() + timeout
        threads = [threading.Thread(target=self._work, daemon=True) for _ in range(jobs)]
        for thread in threads:
            thread.start()
        try:
            while any(thread.is_alive() for thread in threads):
                for thread in threads:
                    thread.join(_POLL)
                if time.monotonic() > deadline:
                    self._stop()
        except KeyboardInterrupt:
            self._stop()
            try:
                for thread in threads:
                    thread.join()
            except KeyboardInterrupt:
                with self._lock:
                    for each in self._runs:
                        each.kill()
            raise
        if self._failure is not None:
            raise self._failure

    def _stop(self) -> None:
        with self._lock:
            self._stopping = True
            for each in self._runs:
                each.stop()

    def _work(self) -> None:
        try:
            while self._next():
                pass
        except BaseException as error:
            with self._lock:
                self._failure = self._failure or error
            self._stop()

    def _next(self) -> bool:
        with self._lock:
            found = None if self._stopping else self._study.next(self._limit)
            if found is None:
                return False
            trial, chosen, resumed = found
            folder = self._study.folder / f"trial-{trial.number}"
            with self._study.stored():
                trial.set_user_attr("folder", str(folder))
                watched = _Watched(trial, folder if resumed else None)
            started = self._start(chosen, folder, resumed)
            self._runs.append(started)
        try:
            with started:
                self._follow(trial, started, watched)
        finally:
            with self._lock:
                self._runs.remove(started)
        return True

    def _follow(self, trial: "optuna.Trial", started: Run, watched: "_Watched") -> None:
        begun = time.monotonic()
        try:
            for event in started:
                with self._lock, self._study.stored():
                    if watched.prunes(event):
                        started.stop()
            with self._lock, self._study.stored():
                trial.set_user_attr("validated_at", watched.steps)
                values = " ".join(overrides_of(trial.params))
            result = started.wait()
            if not watched.validates:
                raise mistake(f"{values}: {_NO_VALIDATION}")
        except StorageError:
            raise
        except Error as error:
            sentence = self._named(str(error))
            about = {"message": sentence, "code": error.code, "seconds": time.monotonic() - begun}
            if error.code == 1 and not any(part in sentence for part in _MEMORY):
                # It would end the other trials too. This one's state stays.
                raise Error(f"tune: trial {trial.number}: {sentence}; the same call goes on with it when the cause "
                            "is gone", 1) from None
            if error.code == 3:
                with self._lock, self._study.stored():
                    watched.report_infinity()
                self._tell(trial, "diverged", math.inf, about)
            elif not (self._stopping and error.code > 128):
                self._tell(trial, "failed", None, about)
            return
        self._end(trial, watched, result, begun)

    def _end(self, trial: "optuna.Trial", watched: "_Watched", result: Result, begun: float) -> None:
        about = {"seconds": time.monotonic() - begun, "epochs": result.epochs, "steps": result.steps}
        if result.stopped and not watched.pruned:
            return  # its state stays: the next process goes on with it
        if result.stopped:
            self._tell(trial, "pruned", None, about)
            return
        self._tell(trial, "complete", result.validation_loss, about)

    def _tell(self, trial: "optuna.Trial", outcome: str, loss: Optional[float],
              about: Dict[str, Any]) -> None:
        with self._lock:
            self._study.end(trial, outcome, loss, about)
            ended = next(each for each in self._study.trials() if each.number == trial.number)
            if self._on_trial is not None:
                self._on_trial(trial_of(ended))


class _Watched:
    """The validations of a run. Optuna compares those of the same number: the steps of two trials
    differ where their batch sizes do."""

    def __init__(self, trial: "optuna.Trial", before: Optional[pathlib.Path]) -> None:
        """before: the run folder of a trial that goes on, as its last process has left it. The run
        repeats what was after its last checkpoint."""
        self._trial = trial
        storage = trial.study._storage
        self._reported = set(storage.get_trial(trial._trial_id).intermediate_values)
        self.steps: List[int] = []
        self.validates = True
        self.pruned = False
        for event in _events_in(before / "metrics.jsonl") if before is not None else ():
            self._take(event)

    def prunes(self, event: Event) -> bool:
        """Takes an event. Returns whether the run is to be stopped; True once at most."""
        if event["event"] == "begin":
            self.validates = "validation/loss" in event["metrics"]
            return not self.validates
        if not self._take(event) or self.pruned or not self._trial.should_prune():
            return False
        self.pruned = True
        return True

    def report_infinity(self) -> None:
        self._report(self.steps[-1] + 1 if self.steps else 1, math.inf)

    def _take(self, event: Event) -> bool:
        """Whether it has a validation that was not reported."""
        if "validation/loss" not in event or (self.steps and event["step"] <= self.steps[-1]):
            return False
        loss = event["validation/loss"]
        self._report(event["step"], math.inf if loss is None else float(loss))
        return True

    def _report(self, step: int, loss: float) -> None:
        self.steps.append(step)
        if len(self.steps) not in self._reported:
            self._trial.report(loss, len(self.steps))


def _events_in(path: pathlib.Path) -> Iterator[Event]:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return
    for line in text.splitlines():
        try:
            yield json.loads(line)
        except ValueError:  # the end of a file that could not be written
            return
