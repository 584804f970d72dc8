# SPDX-License-Identifier: Apache-2.0
"""Checks of arguments. Each raises TypeError or ValueError with a sentence that names the argument."""
from __future__ import annotations

import json
import os
import pathlib
from typing import Any, Dict, List, Mapping, Optional, Sequence, Union

from weft._error import mistake

Path = Union[str, "os.PathLike[str]"]

_VALUES = "a text, a number, True, False, None, a list or a dict"


def path_of(name: str, value: Any) -> str:
    """The path as a text."""
    text = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(text, str):
        raise TypeError(f"{name}: {_kind(value)} given; a path is required")
    return _without_null(name, text)


def paths_of(name: str, values: Any) -> List[str]:
    if isinstance(values, (str, bytes, os.PathLike)) or not isinstance(values, Sequence):
        raise TypeError(f"{name}: {_kind(values)} given; a list of paths is required")
    return [path_of(name, value) for value in values]


def overrides_of(overrides: Sequence[str]) -> List[str]:
    """The overrides as a list. Each is a text like key=value."""
    if isinstance(overrides, (str, bytes)) or not isinstance(overrides, Sequence):
        raise ValueError(f"overrides: {overrides!r} given; a list of texts such as 'train.epochs=3' "
                         "is required")
    for text in overrides:
        if not isinstance(text, str) or "=" not in text:
            raise ValueError(f"overrides: {text!r} given; texts such as 'train.epochs=3' are required")
        _without_null("overrides", text)
    return list(overrides)


def config_of(config: Any) -> Union[str, Dict[str, Any]]:
    """The path as a text, or the dict with the values that JSON has."""
    if isinstance(config, Mapping):
        found: Dict[str, Any] = plain("config", config)
        return found
    if not isinstance(config, (str, os.PathLike)):
        raise TypeError(f"config: {_kind(config)} given; a path or a dict is required")
    return path_of("config", config)


def plain(place: str, value: Any) -> Any:
    """The value in the types that JSON has. Scalars and arrays of numpy are numbers and lists."""
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, Mapping):
        for key in value:
            if isinstance(key, bool) or not isinstance(key, (str, int)):
                raise TypeError(f"{place}: the key {key!r} given; a text is required")
        return {str(key): plain(f"{place}: {key}" if ": " not in place else f"{place}.{key}", each)
                for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(place, each) for each in value]
    if isinstance(value, os.PathLike):
        return path_of(place, value)
    if callable(getattr(value, "tolist", None)):
        return plain(place, value.tolist())
    raise TypeError(f"{place}: {_kind(value)} given; {_VALUES} is required")


def text_of(value: Any) -> str:
    """A value of JSON as a text that the command line and a config read as this one."""
    return value if isinstance(value, str) else json.dumps(value)


def environment_of(environment: Optional[Mapping[str, str]]) -> Dict[str, str]:
    if environment is None:
        return {}
    if not isinstance(environment, Mapping):
        raise TypeError(f"environment: {_kind(environment)} given; a dict of texts is required")
    for name, value in environment.items():
        if not isinstance(name, str) or not name or "=" in name:
            raise ValueError(f"environment: {name!r} given; the name of a variable is required")
        if not isinstance(value, str):
            raise TypeError(f"environment: {name}: {_kind(value)} given; a text is required")
        _without_null(f"environment: {name}", name + value)
    return dict(environment)


def folder_of(name: str, folder: Optional[Path]) -> Optional[str]:
    """The path of a folder that exists. Raises Error without it."""
    if folder is None:
        return None
    path = path_of(name, folder)
    if not pathlib.Path(path).is_dir():
        raise mistake(f"{name}: {path} is no folder; an existing one is required")
    return path


def check_callable(name: str, value: Any) -> None:
    if value is not None and not callable(value):
        raise TypeError(f"{name}: {_kind(value)} given; a function is required")


def check_seconds(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < float("inf"):
        raise ValueError(f"{name}: {value!r} given; a number of seconds is required")


def _kind(value: Any) -> str:
    return "None" if value is None else type(value).__name__


def _without_null(name: str, text: str) -> str:
    if "\0" in text:
        raise ValueError(f"{name}: {text!r} given; a text without null bytes is required")
    return text
