#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that comments and prose are at most 100 columns wide: comments in C++, CUDA, Python
(docstrings too), CMake, shell and YAML, and the text of every Markdown page. Tables, code blocks,
URLs, the targets of links and lines without a comment do not count. Columns are characters, not
bytes. With --fix, paragraphs of whole-line comments are wrapped from their first wide line on.
Indented text, comments behind code, docstrings and pages are not changed.
Usage: check_words.py [--fix] [ROOT]. Exit code 1 and one line per finding if a line is too wide."""
import ast
import io
import re
import sys
import textwrap
import tokenize
from pathlib import Path

import check_layering

MAX_COLUMNS = 100
PAGE_FOLDERS = ["docs", "configs"]
# No C++ comment begins in a raw string, a string or a character. The ' of 1'000 begins none.
CPP_TOKEN = re.compile(r'//(?:\\\n|[^\n])*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"'
                       r"|(?<![0-9a-fA-F])'(?:\\.|[^'\\\n])+'", re.S)
# In shell, CMake and YAML a comment begins at a # that begins a word.
HASH_TOKEN = re.compile(r"""(?<![^\s;(])\#(?P<comment>.*)|\\.|"(?:\\.|[^"\\])*"|'[^']*'""")
HEREDOC = re.compile(r"<<-?\s*(['\"]?)(\w+)\1")
FENCE = re.compile(r"^\s*(?:[-*+]\s+|\d+\.\s+)?(```+|~~~+)")
LIST_ITEM = re.compile(r"^\s{0,3}(?:[-*+]|\d+\.)\s")
URL = re.compile(r"<?https?://[^\s)>]*>?")
LINK_TARGET = re.compile(r"(?<=\])\([^)\s]*\)")
# A line of a paragraph in a comment. Text that is indented further is code or a table.
PARAGRAPH = re.compile(r"^(?P<prefix>\s*(?://|#) )(?!Note \[|SPDX|---)(?P<text>\S.*)$")
RULE = re.compile(r"^\s*(?://|#) ---.*---$")
REFERENCE = re.compile(r"^\s{0,3}\[[^\]]+\]:\s")


def comment_lines_cpp(text):
    lines = set()
    for token in CPP_TOKEN.finditer(text):
        if token[0].startswith(("//", "/*")):
            first = text.count("\n", 0, token.start()) + 1
            lines.update(range(first, first + token[0].count("\n") + 1))
    return lines


def comment_lines_python(text):
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    lines = {token.start[0] for token in tokens if token.type == tokenize.COMMENT}
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            lines.update(range(node.lineno, node.end_lineno + 1))  # a docstring
    return lines


def comment_lines_hash(text):
    lines, end_of_heredoc = set(), None
    for number, line in enumerate(text.split("\n"), 1):
        if end_of_heredoc is not None:
            if line.strip() == end_of_heredoc:
                end_of_heredoc = None
            continue
        if any(token["comment"] is not None for token in HASH_TOKEN.finditer(line)):
            lines.add(number)
        elif found := HEREDOC.search(line):
            end_of_heredoc = found[2]
    return lines


def prose_lines(text):
    """Returns the lines of a Markdown page without tables, code blocks and definitions of links."""
    lines, fence, in_list, blank, indented = set(), None, False, True, False
    for number, line in enumerate(text.split("\n"), 1):
        if fence is not None:
            if line.strip().startswith(fence) and not line.strip().strip(fence[0]):
                fence = None
            continue
        if found := FENCE.match(line):
            fence = found[1]
            continue
        if not line.strip():
            blank = True
            continue
        if LIST_ITEM.match(line):
            in_list = True
        elif not line[0].isspace():
            in_list = False
        indented = line.startswith(("    ", "\t")) and not in_list and (blank or indented)
        blank = False
        if not indented and not line.lstrip().startswith("|") and not REFERENCE.match(line):
            lines.add(number)
    return lines


def width(line):
    return len(LINK_TARGET.sub("", URL.sub("", line)).rstrip())


def fixed(lines, wide):
    """Returns the lines, with each paragraph wrapped from its first line in `wide` on."""
    out, at = [], 0
    while at < len(lines):
        found = PARAGRAPH.match(lines[at])
        if not found or at + 1 not in wide:
            out.append(lines[at][:MAX_COLUMNS] if RULE.match(lines[at]) else lines[at])
            at += 1
            continue
        words = []
        while at < len(lines) and (line := PARAGRAPH.match(lines[at])) and line["prefix"] == found["prefix"]:
            words.append(line["text"].strip())
            at += 1
        out += textwrap.wrap(" ".join(words), MAX_COLUMNS, initial_indent=found["prefix"],
                             subsequent_indent=found["prefix"], break_long_words=False, break_on_hyphens=False)
    return out


def files(root):
    """Yields (path, function that finds the lines to measure)."""
    for path in check_layering.sources(root):
        if path.suffix in check_layering.CPP:
            yield path, comment_lines_cpp
        elif path.suffix == ".md":
            yield path, prose_lines
        elif not check_layering.is_source(path):
            continue
        elif path.suffix == ".py" or (not path.suffix and b"python" in path.read_bytes().split(b"\n")[0]):
            yield path, comment_lines_python
        else:
            yield path, comment_lines_hash
    for folder in PAGE_FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".md", ".yaml", ".sbatch"):
                yield path, prose_lines if path.suffix == ".md" else comment_lines_hash
    for path in sorted(root.glob("*.md")):
        yield path, prose_lines


def wide_lines(text, find):
    lines = text.split("\n")
    return {number: columns for number in sorted(find(text)) if (columns := width(lines[number - 1])) > MAX_COLUMNS}


def main():
    arguments = [a for a in sys.argv[1:] if a != "--fix"]
    root = Path(arguments[0] if arguments else Path(__file__).parent.parent).resolve()
    errors = 0
    for path, find in files(root):
        text = path.read_text(encoding="utf-8")
        wide = wide_lines(text, find)
        if wide and "--fix" in sys.argv[1:] and find is not prose_lines:
            text = "\n".join(fixed(text.split("\n"), wide))
            path.write_text(text, encoding="utf-8")
            wide = wide_lines(text, find)
        for number, columns in wide.items():
            errors += 1
            print(f"{path.relative_to(root)}:{number}: {columns} columns; a comment and prose have "
                  f"{MAX_COLUMNS} at most")
    print(f"words: {errors} errors")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
