#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that every ```cpp block of a Markdown page is the text of a compiled file, or a part of
one. The line above the block names the file: <!-- file: examples/quickstart.cpp -->. With --write,
a block that differs from its file is replaced by the whole file. Links to files of the tree must
lead to files that exist.
Usage: check_snippets.py [--write] [ROOT]."""
import re
import sys
from pathlib import Path

BLOCK = re.compile(r"(?:<!-- file: (?P<file>[^ ]+) -->\n+)?```cpp\n(?P<code>.*?)```", re.S)
LINK = re.compile(r"\]\((?!https?://|#)(?P<file>[^)#\s]+)[^)\s]*\)")


def pages(root):
    return [page for pattern in ("*.md", "docs/*.md", "*/README.md", "docs/learn/*.md", "docs/learn/*/*.md") for page in sorted(root.glob(pattern))]


def body(path):
    """Returns the file without its licence line, which pages leave out."""
    lines = path.read_text(encoding="utf-8").split("\n")
    if lines and "SPDX-License-Identifier" in lines[0]:
        lines = lines[1:]
    return "\n".join(lines).strip("\n") + "\n"


def check_block(root, block):
    if not block["file"]:
        return "a ```cpp block has no <!-- file: ... --> line above it"
    source = root / block["file"]
    if not source.is_file():
        return f"{block['file']} does not exist"
    if not block["code"].strip():
        return f"the block has no text of {block['file']} (tools/check_snippets.py --write)"
    if block["code"].strip("\n") not in body(source):
        return f"the block is not in {block['file']} word for word (tools/check_snippets.py --write)"
    return None


def main():
    arguments = [a for a in sys.argv[1:] if a != "--write"]
    root = Path(arguments[0] if arguments else Path(__file__).parent.parent).resolve()
    errors = blocks = 0
    for page in dict.fromkeys(pages(root)):
        text = page.read_text(encoding="utf-8")

        def updated(block):
            source = root / (block["file"] or "")
            if not source.is_file() or not check_block(root, block):
                return block[0]
            return f"<!-- file: {block['file']} -->\n```cpp\n{body(source)}```"

        if "--write" in sys.argv[1:]:
            text = BLOCK.sub(updated, text)
            page.write_text(text, encoding="utf-8")
        for block in BLOCK.finditer(text):
            blocks += 1
            if finding := check_block(root, block):
                errors += 1
                line = text.count("\n", 0, block.start()) + 1
                print(f"{page.relative_to(root)}:{line}: {finding}")
        for link in LINK.finditer(text):
            if not (page.parent / link["file"]).exists():
                errors += 1
                line = text.count("\n", 0, link.start()) + 1
                print(f"{page.relative_to(root)}:{line}: {link['file']} does not exist")
    print(f"snippets: {blocks} blocks, {errors} errors")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
