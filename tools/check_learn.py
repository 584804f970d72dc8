#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the learning path, docs/learn/. Each chapter NN-name/ has README.md with its program word
for word and the output of the program, program.cpp of at most 60 lines, picture.svg as
docs/learn/pictures.py draws it, and three exercises with solutions. With --build, the programs,
exercises and solutions of a build folder are run too: the output must be that of the page, each
solution must pass and each exercise must fail with one sentence.
In an output, a number with a decimal point may differ by 1 in its last digit, or by the tolerance
in a line <!-- output, within 0.02 --> above the block. With --write, the program in README.md
is replaced by the real one, and with --build the output too.
Usage: check_learn.py [--write] [--build FOLDER] [--root ROOT] [NN …]. Exit code 1 and one line per
finding."""
import argparse
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from check_snippets import body

MAX_LINES = 60
SECONDS = 60  # on a busy machine
PROGRAM = re.compile(r"<!-- file: docs/learn/(?P<file>[^ ]+/program\.cpp) -->\n+```cpp\n(?P<text>.*?)```", re.S)
OUTPUT = re.compile(r"<!-- output(?:, within (?P<within>[\d.]+))? -->\n+```text\n(?P<text>.*?)```", re.S)
NUMBER = re.compile(r"(?<![\w.])[-+]?\d+\.(?P<digits>\d+)(?P<exponent>e[-+]\d+)?(?![\w.])")


def difference(page, real, within):
    """Returns a sentence about the first line in which two outputs differ, or None."""
    lines, real_lines = page.rstrip("\n").split("\n"), real.rstrip("\n").split("\n")
    for i, (line, real_line) in enumerate(zip(lines, real_lines), 1):
        numbers, real_numbers = list(NUMBER.finditer(line)), list(NUMBER.finditer(real_line))
        equal = NUMBER.sub("#", line).split() == NUMBER.sub("#", real_line).split()
        if line == real_line:
            continue
        for a, b in zip(numbers, real_numbers):
            unit = 10.0 ** (int((b["exponent"] or "e0")[1:]) - len(b["digits"]))
            equal &= abs(float(a[0]) - float(b[0])) <= max(1.001 * unit, float(within or 0))
        if not equal:
            return f"line {i} of the output is '{line}'; the program prints '{real_line}'"
    if len(lines) != len(real_lines):
        return f"the output has {len(lines)} lines; the program prints {len(real_lines)}"
    return None


def run(command):
    """Returns (exit code, output). Programs may write files, and run in a folder of their own. On a
    busy machine, threads that wait for each other must not spin."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            done = subprocess.run(command, cwd=folder, text=True, stdin=subprocess.DEVNULL, timeout=SECONDS,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  env={"GOMP_SPINCOUNT": "2000", **os.environ})
        except subprocess.TimeoutExpired:
            return -1, f"ran for more than {SECONDS} s"
        except FileNotFoundError:
            return -1, "is not built"
    return done.returncode, done.stdout


def check_files(chapter, pictures):
    """Yields the findings that need no build."""
    page = (chapter / "README.md").read_text(encoding="utf-8") if (chapter / "README.md").is_file() else ""
    program = chapter / "program.cpp"
    lines = program.read_text(encoding="utf-8").count("\n")
    if lines > MAX_LINES:
        yield f"program.cpp has {lines} lines; at most {MAX_LINES} are allowed"
    blocks = [block for block in PROGRAM.finditer(page) if block["file"] == f"{chapter.name}/program.cpp"]
    if [block["text"] for block in blocks] != [body(program)]:
        yield "README.md must have program.cpp once, word for word (tools/check_learn.py --write --build FOLDER)"
    if len(OUTPUT.findall(page)) != 1:
        yield "README.md must have one output block: <!-- output --> above ```text"
    if not re.search(r"!\[[^\]]+\]\(picture\.svg\)", page):
        yield "README.md must show picture.svg with a description: ![…](picture.svg)"
    try:
        drawn = pictures.picture_of(chapter)
        if not (chapter / "picture.svg").is_file() or (chapter / "picture.svg").read_text(encoding="utf-8") != drawn:
            yield "picture.svg is not what docs/learn/pictures.py draws"
    except (OSError, ValueError) as error:
        yield str(error)
    yield from check_exercises(chapter, page)


def check_exercises(chapter, page):
    if not (chapter / "exercises/test.cpp").is_file():
        yield "exercises/test.cpp is missing"
    for i in (1, 2, 3):
        for kind, todo in (("exercise", True), ("solution", False)):
            path = chapter / f"exercises/{kind}_{i}.cpp"
            if not path.is_file():
                yield f"exercises/{kind}_{i}.cpp is missing"
            elif ("TODO" in path.read_text(encoding="utf-8")) != todo:
                yield f"exercises/{kind}_{i}.cpp must {'' if todo else 'not '}have a TODO"
        if f"(exercises/exercise_{i}.cpp)" not in page:
            yield f"README.md must have a link to exercises/exercise_{i}.cpp"


def check_run(chapter, build):
    """Yields what the programs of a build do differently."""
    number = chapter.name[:2]
    page = (chapter / "README.md").read_text(encoding="utf-8")
    code, printed = run([build / f"learn_{number}"])
    block = OUTPUT.search(page)
    if code != 0:
        yield f"program.cpp exits with {code}: {printed.strip()}"
    elif block and (finding := difference(block["text"], printed, block["within"])):
        yield finding
    code, printed = run([build / f"learn_{number}_solutions"])
    if code != 0:
        yield f"a solution fails: {printed.strip()}"
    for i in (1, 2, 3):
        code, printed = run([build / f"learn_{number}_exercises", str(i)])
        if code == 0:
            yield f"exercises/exercise_{i}.cpp passes its test as it is (solved exercises are not committed)"
        elif code != 1 or not re.fullmatch(rf"exercise {i}: [^\n]+\.\n", printed):
            yield f"exercises/exercise_{i}.cpp must fail with one sentence; it exits with {code}: {printed.strip()}"


def write(chapter, build):
    path = chapter / "README.md"
    text = path.read_text(encoding="utf-8")
    program = body(chapter / "program.cpp")
    text = PROGRAM.sub(lambda b: f"<!-- file: docs/learn/{b['file']} -->\n```cpp\n{program}```", text)
    code, printed = run([build / f"learn_{chapter.name[:2]}"]) if build else (-1, "")
    if code == 0:
        text = OUTPUT.sub(lambda b: b[0][:b.start("text") - b.start()] + printed + "```", text)
    path.write_text(text, encoding="utf-8")


def main():
    sys.dont_write_bytecode = True
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--build", type=Path)
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parent.parent)
    parser.add_argument("chapters", nargs="*", metavar="NN")
    arguments = parser.parse_args()
    folder = arguments.root.resolve() / "docs/learn"
    build = arguments.build.resolve() if arguments.build else None
    spec = importlib.util.spec_from_file_location("pictures", folder / "pictures.py")
    pictures = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(pictures)
    errors = 0
    chapters = [c for c in pictures.chapters(folder) if not arguments.chapters or c.name[:2] in arguments.chapters]
    index = (folder / "README.md").read_text(encoding="utf-8")
    for chapter in chapters:
        if arguments.write:
            write(chapter, build)
        findings = list(check_files(chapter, pictures))
        if f"({chapter.name}/README.md)" not in index:
            findings.append("docs/learn/README.md must have a link to it")
        if build and not findings:
            findings += check_run(chapter, build)
        for finding in findings:
            errors += 1
            print(f"docs/learn/{chapter.name}: {finding}")
    print(f"learn: {len(chapters)} chapters, {errors} errors")
    return 1 if errors or not chapters else 0


if __name__ == "__main__":
    sys.exit(main())
