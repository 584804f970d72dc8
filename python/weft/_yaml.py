# SPDX-License-Identifier: Apache-2.0
"""YAML as weft reads it: scalars are texts, and a key that is given twice is an error."""
from __future__ import annotations

from typing import Any, Dict, Tuple

from weft._error import mistake


def read(text: str, source: str) -> Tuple[Any, Dict[str, int]]:
    """The content as dicts, lists and texts, and the line of each key of its first level. Raises
    Error. PyYAML must be there."""
    import yaml
    try:
        node = yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{source}:{mark.line + 1}" if mark is not None else source
        raise mistake(f"{place}: {getattr(error, 'problem', None) or error}; YAML is required") from None
    if node is None:
        return None, {}
    lines: Dict[str, int] = {}
    if isinstance(node, yaml.MappingNode):
        lines = {str(key.value): key.start_mark.line + 1 for key, _ in node.value}
    return _content(node, source), lines


def _content(node: Any, source: str) -> Any:
    import yaml
    if isinstance(node, yaml.SequenceNode):
        return [_content(each, source) for each in node.value]
    if not isinstance(node, yaml.MappingNode):
        return node.value
    found: Dict[str, Any] = {}
    for key, value in node.value:
        name = str(_content(key, source))
        if name in found:
            raise mistake(f"{source}:{key.start_mark.line + 1}: '{name}' is given twice; each key once is "
                          "required")
        found[name] = _content(value, source)
    return found


def flat(content: Any, prefix: str = "") -> Dict[str, str]:
    """{"optimizer.lr": "0.001", …} of a config. Lists are one value."""
    if not isinstance(content, dict):
        return {prefix: str(content)}
    found: Dict[str, str] = {}
    for key, value in content.items():
        found.update(flat(value, f"{prefix}.{key}" if prefix else key))
    return found
