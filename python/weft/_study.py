# SPDX-License-Identifier: Apache-2.0
"""The study of `weft tune`: an Optuna study in a file, of one config and one space.

Note [One process per study]
A process locks the file of its study, and the runs that it starts inherit the lock. So trials that
are marked as running when a process gets the lock belong to nobody, and it goes on with them.
"""
from __future__ import annotations

import contextlib
import fcntl
import importlib.util
import os
import pathlib
import sqlite3
import stat
import uuid
import warnings
from typing import TYPE_CHECKING, Any, Dict, Iterator, List, Mapping, Optional, Tuple

from weft import _yaml
from weft._error import Error, did_you_mean, mistake, mistake_in
from weft._space import Assignment, Space, Value
from weft._tune_folder import TrialsFolder, adopt

if TYPE_CHECKING:
    import optuna

SAMPLERS = ("tpe", "random", "grid", "cmaes")
PRUNERS = ("median", "hyperband", "none")
SEEDS = 2**32  # those that numpy takes are below

_NAME = "weft"  # of the study in the file
_SQLITE = b"SQLite format 3\0"
_UNSEEN = ("run.dir", "run.threads")  # results do not depend on these keys


def import_optuna() -> Any:
    """Optuna, silent. Raises Error if a package is missing."""
    missing = [name for name, module in (("optuna", "optuna"), ("PyYAML", "yaml"))
               if importlib.util.find_spec(module) is None]
    if missing:
        raise mistake(f"tune: the package {missing[0]} is not installed; pip install "
                      f"{' '.join(missing)}")
    import optuna
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    return optuna


def check_choice(option: str, given: str, known: Tuple[str, ...]) -> None:
    if given not in known:
        raise mistake_in(option, f": {given!r} given; one of {', '.join(known)} is required"
                      f"{did_you_mean(given, known)}")


# What SQLite says, the exit code, and what is required.
_STORAGE_ERRORS = (
    ("full", 1, "room on its disk is required; the same call goes on with the trials that it holds"),
    ("disk i/o error", 1, "a disk that can be written is required; the same call goes on with the trials that it "
                          "holds"),
    ("locked", 2, "the end of the other process that uses it is required; the same call goes on then"),
    ("readonly", 2, "a file, in a folder, that can be written is required"),
    ("unable to open", 2, "a file, in a folder, that can be written is required"),
    ("", 2, "a file of an earlier weft tune, or a new name, is required"))


class StorageError(Error):
    """The file of a study could not be read or written. No trial is to blame."""


def storage_error(path: str, error: BaseException) -> StorageError:
    """The sentence about an error of SQLite, SQLAlchemy or Optuna."""
    first = error
    while (cause := getattr(first, "orig", None) or first.__cause__) is not None:
        first = cause
    reason = " ".join(str(first).split("\n")[0].split()) or type(first).__name__
    code, required = next((code, required) for part, code, required in _STORAGE_ERRORS if part in reason.lower())
    found = StorageError(f"storage: {path} cannot be used ({reason}); {required}", code)
    found.argument = "storage"
    return found


class StudyFile:
    """The file and its lock. `descriptor` is that of the lock."""

    path: str
    descriptor: int

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path)
        folder = os.path.dirname(self.path)
        if not os.path.isdir(folder):
            raise mistake_in("storage", f": the folder {folder} does not exist; a file in an existing folder is "
                          "required")
        try:
            if os.path.exists(self.path):
                if not stat.S_ISREG(os.stat(self.path).st_mode):
                    raise mistake_in("storage", f": {path} is no file; a file of an earlier weft tune, or a new "
                                     "name, is required")
                with open(self.path, "rb") as file:
                    begin = file.read(len(_SQLITE))
                if begin and begin != _SQLITE:
                    raise mistake_in("storage", f": {path} is no SQLite database; a file of an earlier weft "
                                     "tune, or a new name, is required")
            self._lock = os.path.join(folder, f".{os.path.basename(self.path)}.lock")
            self._new = [] if os.path.lexists(self._lock) else [self._lock]
            while not self._take_lock(path):
                pass
        except OSError as error:
            raise mistake_in("storage", f": {path} cannot be opened ({error.strerror}); a file that can be "
                             "written is required") from None
        if not os.path.lexists(self.path):
            self._new += [self.path, f"{self.path}-journal"]

    def _take_lock(self, path: str) -> bool:
        """Whether the lock was taken; False if its file was removed meanwhile (close())."""
        self.descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(self.descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self.descriptor)
            raise mistake_in("storage", f": another process tunes with {path}, or its runs are still saving; "
                          "wait for its end, or use more jobs for trials side by side") from None
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(self.descriptor), os.stat(self._lock)):
                return True
        os.close(self.descriptor)
        return False

    def close(self, discard: bool = False) -> None:
        """discard: the files that were not there before are removed."""
        for new in self._new if discard else ():
            with contextlib.suppress(OSError):
                os.remove(new)
        os.close(self.descriptor)


class Study:
    """The trials in the file. One thread at a time uses it."""

    def __init__(self, file: StudyFile, space: Space, *, config: str, folder: pathlib.Path,
                 sampler: str, pruner: str, seed: int) -> None:
        """config: the resolved config without the space. folder: that of the trials of a new
        study; if it exists, a number is added to its name (Note [One study per folder])."""
        self._optuna, self._space, self._path = import_optuna(), space, file.path
        check_choice("sampler", sampler, SAMPLERS)
        check_choice("pruner", pruner, PRUNERS)
        if sampler == "cmaes" and importlib.util.find_spec("cmaes") is None:
            raise mistake_in("sampler", " cmaes: the package cmaes is not installed; pip install cmaes")
        grid = space.grid() if sampler == "grid" else []
        from sqlalchemy.engine import URL
        try:
            storage = self._optuna.storages.RDBStorage(str(URL.create("sqlite", database=file.path)))
            self._study: "optuna.Study" = self._optuna.create_study(
                storage=storage, study_name=_NAME, direction="minimize", load_if_exists=True)
        except Exception as error:  # those of SQLite, SQLAlchemy and Optuna
            raise storage_error(file.path, error) from None
        self._trials_folder: Optional[TrialsFolder] = None
        try:
            self._begin(file, config, folder, grid, sampler=sampler, pruner=pruner, seed=seed)
        except BaseException:
            if self._trials_folder is not None:
                self._trials_folder.discard()
            raise

    def _begin(self, file: StudyFile, config: str, folder: pathlib.Path, grid: List[Assignment], *,
               sampler: str, pruner: str, seed: int) -> None:
        with self.stored():
            self._identify(file, config, folder)
            self._study.sampler = self._sampler(sampler, (seed + len(self._study.trials)) % SEEDS)
            self._study.pruner = self._pruner(pruner)
            for point in grid:
                self._study.enqueue_trial(point, skip_if_exists=True)
            self._by_grid = sampler == "grid"
            self._left = [each.number for each in self._of("RUNNING")]  # by a process that has ended

    @contextlib.contextmanager
    def stored(self) -> Iterator[None]:
        """For what reads or writes the file: a full disk, and a file that is damaged or locked, raise
        StorageError."""
        from sqlalchemy.exc import SQLAlchemyError
        try:
            yield
        except (sqlite3.Error, SQLAlchemyError, self._optuna.exceptions.OptunaError, LookupError) as error:
            raise storage_error(self._path, error) from None

    # ---- of which config and space

    def _identify(self, file: StudyFile, config: str, folder: pathlib.Path) -> None:
        known = self._study.user_attrs
        identity = {"config": config, "space": self._space.text()}  # the space says that all is there
        if "space" not in known:
            if self._study.trials:
                raise mistake_in("storage", f": the study '{_NAME}' in {file.path} is none of weft tune; "
                                 "another file is required")
            self._take_folder(folder)
            for key, value in identity.items():
                self._study.set_user_attr(key, value)
        elif known["space"] != identity["space"]:
            raise mistake_in("storage", f": {file.path} holds a study of another space ("
                          f"{_first_difference(known['space'], identity['space'])}); the same space, or "
                          "another file, is required")
        elif difference := _config_difference(known["config"], config):
            raise mistake_in("storage", f": {file.path} holds a study of another config ({difference}); the "
                             "same config, or another file, is required")
        else:
            self._take_folder(folder)

    def _take_folder(self, wanted: pathlib.Path) -> None:
        known = self._study.user_attrs
        stored = pathlib.Path(known["folder"]) if "folder" in known else None
        if "id" not in known:
            self._study.set_user_attr("id", uuid.uuid4().hex)
            if stored is not None:
                adopt(stored, self.id)
        self._trials_folder = TrialsFolder(self.id, wanted, stored)
        if self._trials_folder.path != stored:
            self._study.set_user_attr("folder", str(self._trials_folder.path))

    @property
    def id(self) -> str:
        """Another one for each study: the owner of the folder."""
        with self.stored():
            return str(self._study.user_attrs["id"])

    @property
    def folder(self) -> pathlib.Path:
        with self.stored():
            return pathlib.Path(self._study.user_attrs["folder"])

    # ---- trials

    def next(self, limit: int) -> Optional[Tuple["optuna.Trial", Assignment, bool]]:
        """A trial, what it is to try, and whether it was begun before. None when there are `limit`
        trials, or all of a grid."""
        with self.stored():
            begun = bool(self._left)
            if begun:
                number = self._left.pop(0)
                trial_id = next(each._trial_id for each in self._study.trials if each.number == number)
                trial = self._optuna.trial.Trial(self._study, trial_id)
            else:
                waiting = len(self._of("WAITING"))
                if len(self._study.trials) - waiting >= limit or (self._by_grid and waiting == 0):
                    return None
                trial = self._study.ask()
            chosen: Assignment = {}
            for parameter in self._space.parameters:
                if parameter.applies(chosen):
                    chosen[parameter.key] = self._suggest(trial, parameter)
            return trial, chosen, begun

    @staticmethod
    def _suggest(trial: "optuna.Trial", parameter: Any) -> Value:
        key = parameter.key
        if parameter.kind == "choice":
            return str(trial.suggest_categorical(key, parameter.choices))
        if parameter.kind == "int":
            return trial.suggest_int(key, int(parameter.low), int(parameter.last()),
                                     step=int(parameter.step) or 1, log=parameter.log)
        return trial.suggest_float(key, parameter.low, parameter.last(), step=parameter.step or None,
                                   log=parameter.log)

    def end(self, trial: "optuna.Trial", outcome: str, loss: Optional[float], about: Mapping[str, Any]) -> None:
        """Ends a trial: complete, pruned, diverged or failed."""
        with self.stored():
            for key, value in {"outcome": outcome, **about}.items():
                trial.set_user_attr(key, value)
            state = self._optuna.trial.TrialState
            if outcome == "complete":
                self._study.tell(trial, loss)
            else:
                self._study.tell(trial, state=state.FAIL if outcome == "failed" else state.PRUNED)

    def trials(self) -> List["optuna.trial.FrozenTrial"]:
        """All trials that were begun."""
        waiting = self._optuna.trial.TrialState.WAITING
        with self.stored():
            return [each for each in self._study.trials if each.state != waiting]

    def _of(self, state: str) -> List["optuna.trial.FrozenTrial"]:
        return self._study.get_trials(states=(self._optuna.trial.TrialState[state],))

    # ---- what Optuna does

    def _sampler(self, name: str, seed: int) -> Any:
        samplers = self._optuna.samplers
        if name == "tpe":
            return samplers.TPESampler(seed=seed, constant_liar=True)
        if name == "cmaes":
            return samplers.CmaEsSampler(seed=seed)
        return samplers.RandomSampler(seed=seed)

    def _pruner(self, name: str) -> Any:
        pruners = self._optuna.pruners
        if name == "median":
            return pruners.MedianPruner()
        return pruners.HyperbandPruner() if name == "hyperband" else pruners.NopPruner()


def _first_difference(before: str, now: str) -> str:
    import json
    old, new = ({each["key"]: each for each in json.loads(text)} for text in (before, now))
    for key in {**old, **new}:
        if key not in new:
            return f"{key} is missing"
        if key not in old:
            return f"{key} is new"
        if old[key] != new[key]:
            return f"{key} has changed"
    return "the order of its keys has changed"


def _config_difference(before: str, now: str) -> str:
    flat: List[Dict[str, str]] = [_yaml.flat(_yaml.read(text, "config")[0]) for text in (before, now)]
    for key in {**flat[0], **flat[1]}:
        old, new = (each.get(key, "not there") for each in flat)
        if old != new and key not in _UNSEEN:
            return f"{key} was {old}, and is {new}"
    return ""
