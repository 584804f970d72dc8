#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that classes and folders stay small: a class has at most 14 data members and 30 public
functions, train/ has at most 12 entries, and train/trainer/trainer.h has at most 150 lines. Every
declaration of a function counts, constructors, operators and `= default` too. Deleted functions,
functions of a base class, friends, static members and nested classes do not count.
Usage: check_classes.py [--list] [ROOT]. --list prints the counts of every class.
Exit code 1 and one line per finding if a limit is exceeded."""
import re
import sys
from dataclasses import dataclass, field
from pathlib import Path

import check_layering

MAX_MEMBERS, MAX_FUNCTIONS = 14, 30
MAX_ENTRIES = {"train": 12}
MAX_LINES = {"train/trainer/trainer.h": 150}

PREPROCESSOR = re.compile(r"^[ \t]*#(?:\\\n|[^\n])*", re.M)
TOKEN = re.compile(r"[A-Za-z_]\w*|\.?\d(?:[\w.']|(?<=[eE])[+-])*|::|->|&&|\|\||<=>|[<>=!+\-*/%^&|]=|\.\.\.|\S")
OPEN, CLOSE = {"(": ")", "[": "]", "{": "}"}, {")", "]", "}"}
ACCESS = {"public", "protected", "private"}
CLASS_KEYS = {"class", "struct", "union"}
NOT_DECLARED_HERE = {"using", "typedef", "friend", "static_assert"}


@dataclass
class Class:
    name: str
    line: int
    members: list = field(default_factory=list)
    functions: list = field(default_factory=list)  # public ones


class Parser:
    """Reads the declarations of a source file that compiles. It knows no types and no macros."""

    def __init__(self, text):
        text = check_layering.COMMENT_OR_STRING.sub(blank, text)
        text = re.sub(r"(?<![\w'])'(?:\\.|[^'\\\n])+'", "''", text)
        text = PREPROCESSOR.sub(blank, text)
        self.tokens, self.lines, line, end = [], [], 1, 0
        for token in TOKEN.finditer(text):
            line += text.count("\n", end, token.start())
            end = token.start()
            self.tokens.append(token[0])
            self.lines.append(line)
        self.at = 0
        self.classes = []

    def peek(self, ahead=0):
        return self.tokens[self.at + ahead] if self.at + ahead < len(self.tokens) else ""

    def next(self):
        self.at += 1
        return self.tokens[self.at - 1] if self.at <= len(self.tokens) else ""

    def skip_group(self):
        """Skips from an opening bracket to behind the closing one."""
        depth = 0
        while self.at < len(self.tokens):
            token = self.next()
            depth += (token in OPEN) - (token in CLOSE)
            if depth == 0:
                return

    def skip_angles(self):
        """Skips from the < of a template list to behind its >."""
        depth = 0
        while self.at < len(self.tokens):
            if self.peek() in OPEN:
                self.skip_group()
                continue
            token = self.next()
            depth += (token == "<") - (token == ">")
            if depth == 0:
                return

    def skip_to(self, *ends):
        """Skips to the first of these tokens outside of brackets, which is not taken."""
        while self.at < len(self.tokens) and self.peek() not in ends:
            self.skip_group() if self.peek() in OPEN else self.next()

    def parse(self):
        while self.at < len(self.tokens):
            self.declaration(None, "public")
            if self.peek() == "}":  # the end of a namespace
                self.next()
        return self.classes

    def body_of_class(self, owner, access):
        while self.at < len(self.tokens) and self.peek() != "}":
            if self.peek() in ACCESS and self.peek(1) == ":":
                access = self.next()
                self.next()
            else:
                self.declaration(owner, access)
        self.next()

    def declaration(self, owner, access):
        """Reads one declaration of the class `owner`, or of a namespace if that is None."""
        start = self.at
        while True:
            if self.peek() == "template" and self.peek(1) == "<":
                self.next()
                self.skip_angles()
            elif self.peek() == "requires":
                self.next()
                self.requirement()
            elif self.peek() == "[" and self.peek(1) == "[":
                self.skip_group()
            elif self.peek() == "alignas":
                self.next()
                self.skip_group()
            else:
                break
        first = self.peek()
        if first in (";", ""):
            self.next()
        elif first == "}":
            if owner is None and self.at == start:
                return
        elif first in NOT_DECLARED_HERE:
            self.skip_to(";", "{")
            if self.peek() == "{":  # the body of a friend
                self.skip_group()
            else:
                self.next()
        elif first == "namespace" or (first == "extern" and self.peek(2) == "{"):
            self.skip_to("{", ";")
            self.next()
        elif first == "enum":
            self.skip_to("{", ";")
            if self.peek() == "{":
                self.skip_group()
            self.data(owner)
        elif first in CLASS_KEYS and self.defines_class():
            self.class_definition(owner)
        elif first in CLASS_KEYS and self.peek(2) == ";":  # a forward declaration
            self.skip_to(";")
            self.next()
        elif self.macro_alone():
            self.next()
            self.skip_group()
            if self.peek() == ";":
                self.next()
        else:
            self.ordinary(owner, access)

    def requirement(self):
        """Skips a requires clause of a declaration: names and terms in parentheses, && and ||."""
        while True:
            if self.peek() == "(":
                self.skip_group()
            else:
                while re.match(r"\w+$|::", self.peek()):
                    self.next()
                    if self.peek() == "<":
                        self.skip_angles()
                        break
            if self.peek() not in ("&&", "||"):
                return
            self.next()

    def macro_alone(self):
        """Skips WEFT_X(...) if nothing follows that would make it a declaration."""
        if not re.fullmatch(r"[A-Z][A-Z0-9_]+", self.peek()) or self.peek(1) != "(":
            return False
        here = self.at
        self.next()
        self.skip_group()
        behind, self.at = self.peek(), here
        return bool(re.match(r"\w|;|\}|$", behind))

    def defines_class(self):
        """Returns whether `class X` at this place has a body."""
        here = self.at
        try:
            while self.at < len(self.tokens):
                token = self.peek()
                if token == "{":
                    return True
                if token in (";", "=", "(", ",", "*", "&"):
                    return False
                if token == "<":
                    self.skip_angles()
                elif token == "[" or token == "(":
                    self.skip_group()
                elif token == ":":
                    return True
                else:
                    self.next()
            return False
        finally:
            self.at = here

    def class_definition(self, owner):
        key, line = self.next(), self.lines[self.at - 1]
        name = ""
        while self.peek() not in ("{", ":", ""):
            if self.peek() == "<":
                self.skip_angles()
            elif self.peek() in ("[", "("):
                self.skip_group()
            else:
                token = self.next()
                if token not in ("final", "alignas"):
                    name = token
        while self.peek() not in ("{", ""):  # skips the base classes
            self.skip_angles() if self.peek() == "<" else self.next()
        self.next()
        outer = f"{owner.name}::" if owner is not None else ""
        made = Class(outer + (name or f"<{key}>"), line)
        self.classes.append(made)
        self.body_of_class(made, "private" if key == "class" else "public")
        if not name and self.peek() == ";" and owner is not None:  # an anonymous union or struct
            self.classes.remove(made)
            owner.members += made.members[:1] if key == "union" else made.members
        self.data(owner)

    def ordinary(self, owner, access):
        """Reads a function or data. A function has its parameters before any = or {."""
        start, name, is_static = self.at, "", False
        while self.at < len(self.tokens):
            token = self.peek()
            if token == "static":
                is_static = True
            if token == "operator":
                name = "operator" + self.operator_name()
                continue
            if token == "<":
                self.skip_angles()
                continue
            if token == "[":
                self.skip_group()
                continue
            if token in ("decltype", "alignas", "explicit", "noexcept", "__attribute__") and self.peek(1) == "(":
                self.next()
                self.skip_group()
                continue
            if token == "(":
                if self.peek(1) == "*" or (self.peek(1) == "&" and self.peek(3) == ")"):
                    name = ""
                    break  # a pointer to a function, whose name data() finds
                self.skip_group()
                deleted = self.end_of_function()
                if owner is not None and access == "public" and not deleted:
                    owner.functions.append(name)
                return
            if token in ("=", "{", ";", ",", ":", "}", ""):
                break
            if re.match(r"[A-Za-z_]", token):
                name = token
            elif token == "~":
                self.next()
                name = "~" + self.peek()
            self.next()
        if self.peek() == "}" and self.at == start:
            return
        self.data(None if is_static else owner, name)

    def operator_name(self):
        """Reads what follows `operator` up to the parameters: a symbol, () or a type."""
        self.next()
        parts = []
        if self.peek() == "(" and self.peek(1) == ")":
            parts = [self.next(), self.next()]
        while self.peek() not in ("(", ""):
            if self.peek() == "<" and parts and re.match(r"\w", parts[-1]):
                self.skip_angles()
            else:
                parts.append(self.next())
        return " ".join(parts)

    def end_of_function(self):
        """Skips what follows the parameters: qualifiers, a return type, = default, the body.
        Returns whether the function is deleted."""
        deleted = False
        while self.at < len(self.tokens):
            token = self.peek()
            if token == ";":
                self.next()
                return deleted
            if token == "{":
                self.skip_group()
                if self.peek() == ";":
                    self.next()
                return deleted
            if token == ":":
                self.next()
                while True:  # name(...) or name{...}
                    while self.peek() not in ("(", "{", ""):
                        self.skip_angles() if self.peek() == "<" else self.next()
                    self.skip_group()
                    if self.peek() == "...":
                        self.next()
                    if self.peek() != ",":
                        break
                    self.next()
                continue
            if token == "<":
                self.skip_angles()
            elif token in ("(", "["):
                self.skip_group()
            elif token == "}":
                return deleted
            else:
                deleted = self.next() == "delete" or deleted
        return deleted

    def data(self, owner, name=""):
        """Reads the rest of a declaration of data, from behind the first name or in front of it."""
        in_value = saw_value = False
        while self.at < len(self.tokens):
            token = self.peek()
            if token in (";", ",", "}"):
                if name and owner is not None:
                    owner.members.append(name)
                name, in_value, saw_value = "", False, False
                if token != "}":
                    self.next()
                if token != ",":
                    return
                continue
            if token == "{" or token == "[":
                self.skip_group()
                saw_value = True
                continue
            if token == "(":
                if self.peek(1) == "*" and not in_value and not name:
                    self.next()
                    self.next()
                    name = self.next()
                    self.skip_to(")")
                    self.next()
                else:
                    self.skip_group()
                continue
            if token in ("=", ":"):
                in_value = True
            elif token == "<" and self.angles_close():
                self.skip_angles()
                continue
            elif not in_value and not saw_value and re.match(r"[A-Za-z_]", token):
                name = token
            self.next()

    def angles_close(self):
        """Returns whether this < begins a template list rather than a comparison."""
        here, depth = self.at, 0
        try:
            while self.at < len(self.tokens):
                token = self.peek()
                if token in (";", "{", "}", "&&", "||", "="):
                    return False
                if token in ("(", "["):
                    self.skip_group()
                    continue
                depth += (token == "<") - (token == ">")
                self.next()
                if depth == 0:
                    return True
            return False
        finally:
            self.at = here


def blank(found):
    """Returns the same number of lines with nothing on them. A string stays one token."""
    return ('""' if found[0][0] in 'R"' else " ") + "\n" * found[0].count("\n")


def classes_of(text):
    return Parser(text).parse()


def check(root, list_all=False):
    """Yields (place, finding)."""
    for path in check_layering.sources(root):
        name = path.relative_to(root).as_posix()
        if path.suffix not in check_layering.CPP or name.split("/")[0] not in check_layering.ORDER + ["testing"]:
            continue
        for found in classes_of(path.read_text(encoding="utf-8")):
            place = f"{name}:{found.line}"
            if list_all:
                print(f"{place}: {found.name}: {len(found.members)} data members, "
                      f"{len(found.functions)} public functions")
            if len(found.members) > MAX_MEMBERS:
                yield place, f"{found.name} has {len(found.members)} data members; the limit is {MAX_MEMBERS}"
            if len(found.functions) > MAX_FUNCTIONS:
                yield place, (f"{found.name} has {len(found.functions)} public functions; the limit is "
                              f"{MAX_FUNCTIONS}")
    for name, limit in MAX_ENTRIES.items():
        entries = [path for path in (root / name).glob("*") if path.name != "__pycache__"]
        if len(entries) > limit:
            yield name, f"has {len(entries)} entries; the limit is {limit}"
    for name, limit in MAX_LINES.items():
        if (root / name).is_file() and (lines := (root / name).read_text(encoding="utf-8").count("\n")) > limit:
            yield name, f"has {lines} lines; the limit is {limit}"


def main():
    arguments = [a for a in sys.argv[1:] if a != "--list"]
    root = Path(arguments[0] if arguments else Path(__file__).parent.parent).resolve()
    errors = 0
    for place, finding in check(root, "--list" in sys.argv[1:]):
        errors += 1
        print(f"{place}: {finding}")
    print(f"classes: {errors} errors")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
