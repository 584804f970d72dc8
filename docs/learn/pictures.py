#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Draws the pictures of the learning path. Each chapter NN-name/picture.py has a function
draw(picture), and this script writes NN-name/picture.svg. The drawing area is 700 wide, and a page
may show it at 400 pixels, so no text is smaller than 18. A text that overlaps another one, lies on a
line or leaves the area is an error.
Usage: pictures.py [--check] [NN …]. With --check nothing is written, and the exit code is 1 if a
picture differs from its file."""
import importlib.util
import sys
from html import escape
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
WIDTH = 700
# Colours by class, in light and in dark. The text colour of a class is readable on the paper.
LIGHT = {"paper": "#ffffff", "ink": "#1b1f24", "soft": "#68707a", "grid": "#d5d9de", "fill": "#eef1f5",
         "blue": "#0b62c4", "red": "#c0261f", "green": "#1a7a37", "amber": "#9a6200"}
DARK = {"paper": "#14171b", "ink": "#e8ebef", "soft": "#a2abb5", "grid": "#3a414a", "fill": "#232930",
        "blue": "#6cb2ff", "red": "#ff8a80", "green": "#6bd68b", "amber": "#f0b44c"}


def number(x):
    return f"{x:.2f}".rstrip("0").rstrip(".").replace("-0", "-0" if round(x, 2) else "0")


class Picture:
    """A drawing with y downwards. `colour` is a key of LIGHT."""

    def __init__(self, height=300, title=""):
        self.height, self.title = height, title
        self.parts, self.labels, self.segments = [], [], []

    def line(self, x1, y1, x2, y2, colour="ink", width=2, dash=False, arrow=False):
        if colour != "grid":
            self.segments.append((x1, y1, x2, y2))
        if arrow:  # the line ends where the head begins
            length = ((x2 - x1) ** 2 + (y2 - y1) ** 2) ** 0.5
            ux, uy = (x2 - x1) / length, (y2 - y1) / length
            head = [(x2, y2), (x2 - 13 * ux - 6 * uy, y2 - 13 * uy + 6 * ux),
                    (x2 - 13 * ux + 6 * uy, y2 - 13 * uy - 6 * ux)]
            self.polygon(head, colour)
            x2, y2 = x2 - 10 * ux, y2 - 10 * uy
        style = ' stroke-dasharray="7 6"' if dash else ""
        self.parts.append(f'<line x1="{number(x1)}" y1="{number(y1)}" x2="{number(x2)}" y2="{number(y2)}" '
                          f'class="s-{colour}" stroke-width="{number(width)}"{style}/>')

    def arrow(self, x1, y1, x2, y2, colour="ink", width=2, dash=False):
        self.line(x1, y1, x2, y2, colour, width, dash, arrow=True)

    def polygon(self, points, colour="fill"):
        text = " ".join(f"{number(x)},{number(y)}" for x, y in points)
        self.parts.append(f'<polygon points="{text}" class="f-{colour}"/>')

    def curve(self, points, colour="blue", width=3, dash=False):
        self.segments += [(*a, *b) for a, b in zip(points, points[1:])]
        text = " ".join(f"{number(x)},{number(y)}" for x, y in points)
        style = ' stroke-dasharray="7 6"' if dash else ""
        self.parts.append(f'<polyline points="{text}" fill="none" class="s-{colour}" '
                          f'stroke-width="{number(width)}" stroke-linejoin="round"{style}/>')

    def box(self, x, y, width, height, colour="ink", fill="fill", radius=6):
        self.parts.append(f'<rect x="{number(x)}" y="{number(y)}" width="{number(width)}" '
                          f'height="{number(height)}" rx="{number(radius)}" '
                          f'class="s-{colour} f-{fill}" stroke-width="2"/>')

    def circle(self, x, y, radius, colour="ink", fill="fill"):
        self.parts.append(f'<circle cx="{number(x)}" cy="{number(y)}" r="{number(radius)}" '
                          f'class="s-{colour} f-{fill}" stroke-width="2"/>')

    def text(self, x, y, text, colour="ink", size=18, anchor="middle", bold=False):
        """Writes a text whose middle is at height y. `anchor` is start, middle or end."""
        text = str(text)
        if size < 18:
            raise ValueError(f"text '{text}': size {size} is too small at 400 pixels; 18 is required")
        width = 0.58 * size * len(text)
        left = x - {"start": 0, "middle": width / 2, "end": width}[anchor]
        area = (left, y - 0.55 * size, left + width, y + 0.55 * size)
        if area[0] < 0 or area[2] > WIDTH or area[1] < 0 or area[3] > self.height:
            raise ValueError(f"text '{text}' leaves the picture: {[round(a) for a in area]}")
        for other, words in self.labels:
            if area[0] < other[2] and other[0] < area[2] and area[1] < other[3] and other[1] < area[3]:
                raise ValueError(f"text '{text}' overlaps '{words}'")
        self.labels.append((area, text))
        weight = ' font-weight="bold"' if bold else ""
        self.parts.append(f'<text x="{number(x)}" y="{number(y + 0.35 * size)}" text-anchor="{anchor}" '
                          f'font-size="{size}" class="f-{colour}"{weight}>{escape(text)}</text>')

    def axes(self, left, top, right, bottom, xs, ys, x_label="", y_label=""):
        """Draws axes with ticks, given as {value: text}, and returns the function from values to
        points. The limits are the first and the last tick. y_label stands above the axis."""
        (x0, x1), (y0, y1) = ((list(t)[0], list(t)[-1]) for t in (xs, ys))

        def at(x, y):
            return left + (x - x0) / (x1 - x0) * (right - left), bottom - (y - y0) / (y1 - y0) * (bottom - top)

        for x, text in xs.items():
            self.line(at(x, y0)[0], bottom, at(x, y0)[0], bottom + 6, "soft")
            self.text(at(x, y0)[0], bottom + 20, text, "soft")
        for y, text in ys.items():
            self.line(left, at(x0, y)[1], right, at(x0, y)[1], "grid", 1)
            self.text(left - 10, at(x0, y)[1], text, "soft", anchor="end")
        self.line(left, bottom, right, bottom, "soft")
        self.line(left, top, left, bottom, "soft")
        if x_label:
            self.text((left + right) / 2, bottom + 46, x_label, "soft")
        if y_label:
            self.text(left - 10, top - 24, y_label, "soft", anchor="start")
        return at

    def check_lines(self):
        """Raises ValueError if a line runs through a text."""
        for x1, y1, x2, y2 in self.segments:
            steps = max(1, int(max(abs(x2 - x1), abs(y2 - y1)) / 2))
            for (left, top, right, bottom), text in self.labels:
                for i in range(steps + 1):
                    x, y = x1 + (x2 - x1) * i / steps, y1 + (y2 - y1) * i / steps
                    if left + 2 < x < right - 2 and top + 4 < y < bottom - 4:
                        raise ValueError(f"a line runs through '{text}' at ({x:.0f}, {y:.0f})")

    def svg(self):
        self.check_lines()

        def rules(colours):
            return "".join(f".f-{name}{{fill:{c}}}.s-{name}{{stroke:{c}}}" for name, c in colours.items())

        return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {self.height}" '
                f'width="{WIDTH}" height="{self.height}" '
                f'font-family="system-ui, Helvetica, Arial, sans-serif" role="img">\n'
                f"<title>{escape(self.title)}</title>\n"
                f"<style>{rules(LIGHT)}\n"
                f"@media (prefers-color-scheme: dark){{{rules(DARK)}}}</style>\n"
                f'<rect width="{WIDTH}" height="{self.height}" class="f-paper"/>\n'
                + "\n".join(self.parts) + "\n</svg>\n")


def picture_of(chapter):
    """Returns the text of the picture of a chapter's folder."""
    spec = importlib.util.spec_from_file_location(f"picture_{chapter.name[:2]}", chapter / "picture.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    picture = Picture()
    module.draw(picture)
    if not picture.title:
        raise ValueError(f"{chapter.name}/picture.py: the picture has no title")
    return picture.svg()


def chapters(folder=FOLDER):
    return sorted(path.parent for path in folder.glob("[0-9][0-9]-*/program.cpp"))


def main():
    sys.dont_write_bytecode = True
    check, wanted = "--check" in sys.argv[1:], [a for a in sys.argv[1:] if not a.startswith("--")]
    errors = 0
    for chapter in chapters():
        if wanted and chapter.name[:2] not in wanted:
            continue
        text, path = picture_of(chapter), chapter / "picture.svg"
        if not check:
            path.write_text(text, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            errors += 1
            print(f"docs/learn/{chapter.name}/picture.svg is not what docs/learn/pictures.py draws")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main())
