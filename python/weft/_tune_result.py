# SPDX-License-Identifier: Apache-2.0
"""What a study has found: a table, and the files NAME.tune.json and NAME.trials.csv. The folder of
the trials has the first one too, as tune.json, by which `weft report` knows it."""
from __future__ import annotations

import csv
import dataclasses
import errno
import io
import json
import math
import os
import pathlib
import shlex
from typing import TYPE_CHECKING, Any, Dict, List, Optional, Sequence, Tuple, Union

from weft._error import Error
from weft._space import Space, Value, overrides_of
from weft._tune_folder import owner_of

if TYPE_CHECKING:
    import optuna

    from weft._study import Study

SCHEMA = 1
_ORDER = ("complete", "pruned", "diverged", "stopped", "failed")
_DIGITS = 5
_IN_FOLDER = "tune.json"

Path = Union[str, "os.PathLike[str]"]


@dataclasses.dataclass(frozen=True)
class Trial:
    """A trial and its run.

    outcome: complete, pruned, diverged, failed, or stopped: the same call goes on with it.
    loss: the final validation loss; of a trial that was pruned or stopped, the last one; infinity
        for one that diverged; None without any.
    values: the keys of the space.
    message: the program's sentence about one that diverged or failed.
    validations: (step, validation loss), in order.
    code: the program's exit code, of one that diverged or failed.
    """

    number: int
    outcome: str
    loss: Optional[float]
    values: Dict[str, Value]
    folder: Optional[pathlib.Path]
    message: Optional[str]
    seconds: float
    validations: Tuple[Tuple[int, float], ...]
    code: Optional[int] = None


def trial_of(frozen: "optuna.trial.FrozenTrial") -> Trial:
    about = frozen.user_attrs
    numbers = sorted(frozen.intermediate_values)
    losses = [frozen.intermediate_values[number] for number in numbers]
    outcome = about.get("outcome", "stopped")
    folder = about.get("folder")
    loss = frozen.value if outcome == "complete" else losses[-1] if losses else None
    return Trial(number=frozen.number, outcome=outcome, loss=None if outcome == "failed" else loss,
                 values=dict(frozen.params), folder=pathlib.Path(folder) if folder else None,
                 message=about.get("message"), seconds=float(about.get("seconds", 0)),
                 validations=tuple(zip(about.get("validated_at", []), losses)), code=about.get("code"))


def _rank(trial: Trial) -> Tuple[int, float, int]:
    loss = math.inf if trial.loss is None or math.isnan(trial.loss) else trial.loss
    return _ORDER.index(trial.outcome), loss, trial.number


@dataclasses.dataclass(frozen=True)
class TuneResult:
    """All trials of a study, the best first.

    folder: that of the trials' run folders.
    command: the command line that trains the best trial again; None without a complete trial.
    study: the id of the study, which its folder has too.
    """

    trials: List[Trial]
    folder: pathlib.Path
    command: Optional[str]
    about: Dict[str, Any]
    study: str = ""

    @property
    def best(self) -> Optional[Trial]:
        return self.trials[0] if self.trials and self.trials[0].outcome == "complete" else None

    def table(self) -> str:
        """The trials as text, one a line."""
        keys = self._keys()
        rows = [["trial", "outcome", "validation loss", *keys, "folder"]]
        for trial in self.trials:
            loss = "-" if trial.loss is None else _shown(trial.loss)
            rows.append([str(trial.number), trial.outcome, loss,
                         *(_shown(trial.values.get(key, "-")) for key in keys), _near(trial.folder)])
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
        lines += [f"trial {trial.number} {trial.outcome}: {trial.message}" for trial in self.trials
                  if trial.message]
        return "\n".join(lines) + "\n"

    def write(self, storage: str) -> None:
        """Writes the two files beside the storage, with its name, and the first one again into the
        folder of the trials, if that is still the study's. Each is whole or as it was before. Raises OSError."""
        json_path, csv_path = _beside(storage)
        best = self.best
        trials = [{**dataclasses.asdict(trial), "folder": str(trial.folder) if trial.folder else None}
                  for trial in self.trials]
        content = {"schema": SCHEMA, **self.about, "folder": str(self.folder), "command": self.command,
                   "best": best.number if best else None, "trials": trials}
        report = json.dumps(_without_infinity(content), indent=1) + "\n"
        _replace(json_path, report)
        if owner_of(self.folder) == self.study:
            _replace(str(self.folder / _IN_FOLDER), report)
        keys, text = self._keys(), io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(["trial", "outcome", "validation_loss", *keys, "seconds", "folder", "message"])
        for trial in self.trials:
            table.writerow([trial.number, trial.outcome, "" if trial.loss is None else trial.loss,
                            *(trial.values.get(key, "") for key in keys), round(trial.seconds, 3),
                            trial.folder or "", trial.message or ""])
        _replace(csv_path, text.getvalue())

    def _keys(self) -> List[str]:
        return [parameter["key"] for parameter in self.about["space"]]


def _beside(storage: str) -> Tuple[str, str]:
    name = storage.removesuffix(".db")
    return f"{name}.tune.json", f"{name}.trials.csv"


def check_writable(storage: str) -> None:
    """Raises Error if the results could not be written beside the storage."""
    for path in _beside(storage):
        try:
            if os.path.isdir(path):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            with open(f"{path}.new", "w", encoding="utf-8"):
                pass
            os.remove(f"{path}.new")
        except OSError as error:
            raise Error(f"tune: {path} cannot be written ({error.strerror}); the results go there, and "
                        "another storage gives them another name", 1) from None


def result_of(study: "Study", *, config: Optional[str], overrides: Sequence[str], space: Space,
              storage: str, plugins: Sequence[Path]) -> TuneResult:
    trials = sorted(map(trial_of, study.trials()), key=_rank)
    command = None
    if trials and trials[0].outcome == "complete":
        best = trials[0]
        words = ["weft", "train"]
        if config is not None:
            words += [config, *overrides, *overrides_of(best.values)]
        else:
            words += [str(best.folder and best.folder / "config.yaml")]
        for plugin in plugins:
            words += ["--plugin", os.fspath(plugin)]
        command = shlex.join(words)
    about = {"config": config, "overrides": list(overrides), "storage": storage,
             "space": [parameter.described() for parameter in space.parameters]}
    return TuneResult(trials, study.folder, command, about, study.id)


def _shown(value: Value) -> str:
    return f"{value:.{_DIGITS}g}" if isinstance(value, float) else str(value)


def _near(folder: Optional[pathlib.Path]) -> str:
    """The folder as a path from here, if it is below."""
    if folder is None:
        return "-"
    here = pathlib.Path.cwd()
    return str(folder.relative_to(here) if here in folder.parents else folder)


def _without_infinity(value: Any) -> Any:
    """JSON has no infinity; a text says it."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {key: _without_infinity(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_infinity(each) for each in value]
    return value


def _replace(path: str, text: str) -> None:
    fresh = f"{path}.new"
    try:
        with open(fresh, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(fresh, path)
    except OSError as error:
        if os.path.isfile(fresh):
            os.remove(fresh)
        raise OSError(error.errno, error.strerror, path) from None
