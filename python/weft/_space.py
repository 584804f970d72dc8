# SPDX-License-Identifier: Apache-2.0
"""The space of a study: which keys of a config are tuned, and what they may be."""
from __future__ import annotations

import dataclasses
import itertools
import json
import math
import os
import stat
from typing import Any, Dict, Iterator, List, Mapping, NoReturn, Optional, Tuple, Union

from weft import _check
from weft._error import did_you_mean, mistake, mistake_in

Value = Union[float, int, str]
Assignment = Dict[str, Value]  # in the order of the space
Path = Union[str, "os.PathLike[str]"]

_KINDS = ("float", "int", "choice")
_OPTIONS = {"float": ("log", "step", "when"), "int": ("log", "step", "when"), "choice": ("when",)}
_MOST_POINTS = 10_000  # of a grid
_MOST_BYTES = 2**18  # of a file, which PyYAML reads in seconds


@dataclasses.dataclass(frozen=True)
class Parameter:
    """One key. low, high and step are those of float and int; step is 0 without one."""

    key: str
    kind: str
    low: float = 0
    high: float = 0
    log: bool = False
    step: float = 0
    choices: Tuple[str, ...] = ()
    when: Tuple[Tuple[str, Tuple[str, ...]], ...] = ()  # (key, its values)

    def ends(self) -> List[Value]:
        """The values that a config has to accept, so that it accepts those between them."""
        if self.kind == "choice":
            return list(self.choices)
        return [self.number(self.low), self.number(self.last())]

    def last(self) -> float:
        """The highest value, which is below `high` if the steps do not lead there."""
        if not self.step:
            return self.high
        return self.low + self.step * math.floor((self.high - self.low) / self.step * (1 + 1e-12))

    def number(self, value: float) -> Value:
        return int(value) if self.kind == "int" else float(value)

    def points(self) -> Optional[List[Value]]:
        """All values; None if there are too many or no steps."""
        if self.kind == "choice":
            return list(self.choices)
        step = self.step or (1 if self.kind == "int" and not self.log else 0)
        if not step:
            return None
        count = math.floor((self.last() - self.low) / step + 0.5) + 1
        if count > _MOST_POINTS:
            return None
        return [self.number(self.low + i * step) for i in range(count)]

    def applies(self, chosen: Mapping[str, Value]) -> bool:
        return all(key in chosen and value_text(chosen[key]) in values for key, values in self.when)

    def described(self) -> Dict[str, Any]:
        """A form that JSON has, by which two spaces are compared."""
        numbers = () if self.kind == "choice" else ("low", "high")
        return {name: value for name, value in dataclasses.asdict(self).items() if value or name in numbers}


@dataclasses.dataclass(frozen=True)
class Space:
    """The parameters; each stands behind those that its `when` names."""

    parameters: Tuple[Parameter, ...]

    def text(self) -> str:
        return json.dumps([parameter.described() for parameter in self.parameters])

    def samples(self) -> Iterator[Assignment]:
        """Assignments that have each value of ends() of each parameter at least once."""
        by_key = {parameter.key: parameter for parameter in self.parameters}
        seen = set()
        for parameter in self.parameters:
            for value in parameter.ends():
                forced: Dict[str, Value] = {parameter.key: value}
                keys = [parameter.key]
                while keys:
                    for key, values in by_key[keys.pop()].when:
                        forced.setdefault(key, _value_for(by_key[key], values))
                        keys.append(key)
                found: Assignment = {}
                for each in self.parameters:
                    if each.applies(found):
                        found[each.key] = forced.get(each.key, each.ends()[0])
                text = json.dumps(found)
                if text not in seen:
                    seen.add(text)
                    yield found

    def grid(self) -> List[Assignment]:
        """All assignments. Raises Error if they are not finite or too many."""
        found: List[Assignment] = [{}]
        for parameter in self.parameters:
            points = parameter.points()
            if points is None:
                raise mistake_in("sampler", f" grid: {parameter.key} is a range without a step, or with "
                                 f"more than {_MOST_POINTS} values; `step` or `choice` is required")
            found = list(itertools.chain.from_iterable(
                [chosen] if not parameter.applies(chosen)
                else [{**chosen, parameter.key: point} for point in points] for chosen in found))
            if len(found) > _MOST_POINTS:
                raise mistake_in("sampler", f" grid: the space has more than {_MOST_POINTS} points; "
                                 "larger steps, or another sampler, are required")
        return found


def value_text(value: Value) -> str:
    """A value as the command line takes it."""
    return value if isinstance(value, str) else repr(value)


def overrides_of(chosen: Mapping[str, Value]) -> List[str]:
    return [f"{key}={value_text(value)}" for key, value in chosen.items()]


def _value_for(parameter: Parameter, values: Tuple[str, ...]) -> Value:
    return values[0] if parameter.kind == "choice" else parameter.number(float(values[0]))


# ---- reading

def read_space(space: Union[Path, Mapping[str, Any]]) -> Space:
    """Reads a YAML file, or takes a dict of the same form. Raises Error, with one sentence, for
    anything but a space."""
    if isinstance(space, Mapping):
        try:
            content = _check.plain("space", space)
        except (TypeError, ValueError) as error:
            raise mistake_in("space", str(error).removeprefix("space")) from None
        return _Reader("space", {}).read(_texts(content))
    if not isinstance(space, (str, os.PathLike)):
        raise mistake_in("space", f": {space!r} given; a path or a dict is required")
    from weft import _yaml
    path = _check.path_of("space", space)
    try:
        content, lines = _yaml.read(_text_of(path), path)
    except RecursionError:
        raise mistake_in("space", f": {path} has too many brackets in each other; a YAML file is required") from None
    return _Reader(path, lines).read(content)


def _text_of(path: str) -> str:
    """The text of a file, which has an end, unlike some devices."""
    reason = None
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            reason = "it is no file"
        else:
            with open(path, "rb") as file:
                content = file.read(_MOST_BYTES + 1)
            if len(content) <= _MOST_BYTES:
                return content.decode("utf-8")
            reason = f"it has more than {_MOST_BYTES // 1024} KiB"
    except OSError as error:
        reason = error.strerror
    except UnicodeDecodeError:
        reason = "it is not UTF-8"
    raise mistake_in("space", f": {path} cannot be read ({reason}); a YAML file is required")


def _texts(value: Any) -> Any:
    """JSON's values in the form of the file: texts, lists and dicts."""
    if isinstance(value, dict):
        return {key: _texts(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_texts(each) for each in value]
    return _check.text_of(value)


class _Reader:
    def __init__(self, source: str, lines: Mapping[str, int]) -> None:
        self._source, self._lines = source, lines

    def _fail(self, key: str, sentence: str) -> NoReturn:
        line = f"{self._lines[key]}:" if key in self._lines else ""
        raise mistake(f"{self._source}:{line} {key}: {sentence}")

    def read(self, content: Any) -> Space:
        if not isinstance(content, dict) or not content:
            raise mistake(f"{self._source}: {_shown(content)} given; keys of the config, each with "
                          "{float: [low, high]}, {int: [low, high]} or {choice: [...]}, are required")
        found = {key: self._parameter(key, value) for key, value in content.items()}
        for parameter in found.values():
            self._check_conditions(parameter, found)
        return Space(tuple(self._in_order(found)))

    def _parameter(self, key: str, value: Any) -> Parameter:
        required = "one of float, int and choice is required"
        if not isinstance(value, dict):
            self._fail(key, f"{_shown(value)} given; {required}, like {{float: [1e-5, 1e-1], log: true}}")
        kinds = [name for name in _KINDS if name in value]
        if len(kinds) != 1:
            unknown = next((name for name in value if name not in (*_KINDS, *_OPTIONS["float"])), "")
            self._fail(key, f"{_shown(value)} given; {required}{did_you_mean(unknown, _KINDS)}")
        kind = kinds[0]
        for name in value:
            if name != kind and name not in _OPTIONS[kind]:
                known = (kind, *_OPTIONS[kind])
                self._fail(key, f"unknown key '{name}'; known: {', '.join(known)}{did_you_mean(name, known)}")
        when = self._when(key, value.get("when"))
        if kind == "choice":
            return Parameter(key, kind, choices=self._choices(key, value["choice"]), when=when)
        return self._range(key, kind, value, when)

    def _choices(self, key: str, given: Any) -> Tuple[str, ...]:
        if not isinstance(given, list) or not given:
            self._fail(key, f"choice: {_shown(given)} given; a list of at least one value is required")
        texts = tuple(_flow(each) for each in given)
        for text in texts:
            if texts.count(text) > 1:
                self._fail(key, f"choice: {text} is given twice; each value once is required")
        return texts

    def _range(self, key: str, kind: str, value: Dict[str, Any],
               when: Tuple[Tuple[str, Tuple[str, ...]], ...]) -> Parameter:
        given = value[kind]
        if not isinstance(given, list) or len(given) != 2:
            self._fail(key, f"{kind}: {_shown(given)} given; two numbers [low, high] are required")
        low, high = (self._number(key, kind, kind, each) for each in given)
        if not low < high:
            self._fail(key, f"{kind}: {_shown(given)} given; a low end below the high end is required")
        log = value.get("log", "false")
        if log not in ("true", "false"):
            self._fail(key, f"log: {_shown(log)} given; true or false is required")
        step = self._number(key, kind, "step", value["step"]) if "step" in value else 0
        if "step" in value and not 0 < step <= high - low:
            self._fail(key, f"step: {_shown(value['step'])} given; more than 0 and at most "
                            f"{high - low:g} is required")
        if log == "true" and step:
            self._fail(key, "log and step given; one of them is required")
        if log == "true" and low <= 0:
            self._fail(key, f"{kind}: {_shown(given)} given; ends above 0 are required with log")
        return Parameter(key, kind, low, high, log == "true", step, when=when)

    def _number(self, key: str, kind: str, name: str, given: Any) -> float:
        try:
            number: float = int(given) if kind == "int" else float(given)
        except (TypeError, ValueError):
            number = math.nan
        if not math.isfinite(number):
            self._fail(key, f"{name}: {_shown(given)} given; {'an integer' if kind == 'int' else 'a number'} "
                            "is required")
        return number

    def _when(self, key: str, given: Any) -> Tuple[Tuple[str, Tuple[str, ...]], ...]:
        if given is None:
            return ()
        if not isinstance(given, dict) or not given:
            self._fail(key, f"when: {_shown(given)} given; {{key: value}} of another key of the space is "
                            "required")
        return tuple((name, tuple(_flow(each) for each in values) if isinstance(values, list)
                      else (_flow(values),)) for name, values in given.items())

    def _check_conditions(self, parameter: Parameter, found: Mapping[str, Parameter]) -> None:
        for key, values in parameter.when:
            others = [other for other in found if other != parameter.key]
            if key not in found:
                self._fail(parameter.key, f"when: '{key}' is no key of the space; known: "
                                          f"{', '.join(others) or 'no other'}{did_you_mean(key, others)}")
            known = found[key].points()
            if known is None:
                self._fail(parameter.key, f"when: '{key}' is a range; a key with `choice` or `step` is required")
            texts = [value_text(each) for each in known]
            for value in values or ("[]",):
                if value not in texts:
                    self._fail(parameter.key, f"when: {key} is never {value}; one of {', '.join(texts)} is "
                                              f"required{did_you_mean(value, texts)}")

    def _in_order(self, found: Mapping[str, Parameter]) -> List[Parameter]:
        placed: Dict[str, Parameter] = {}
        while len(placed) < len(found):
            ready = [each for each in found.values()
                     if each.key not in placed and all(key in placed for key, _ in each.when)]
            if not ready:
                left = next(key for key in found if key not in placed)
                self._fail(left, "its `when` leads back to itself; conditions without a circle are required")
            placed.update((each.key, each) for each in ready)
        return list(placed.values())


def _flow(value: Any) -> str:
    """The text of a value as YAML writes it in one line."""
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(each)}" for key, each in value.items()) + "}"
    return str(value)


def _shown(value: Any) -> str:
    text = _flow(value) if value is not None else "nothing"
    return text if len(text) <= 60 else text[:57] + "..."
