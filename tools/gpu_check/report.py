# SPDX-License-Identifier: Apache-2.0
"""The report of gpu-check: four files, all written again whenever something is known.

    gpu-check.json  all results       gpu-check.log     what the programs printed
    gpu-check.txt   the same to read  gpu-check-inputs.zip  what belongs to failures, if any

The files stay small, because what comes back from a lent machine is limited."""
import json
import os
import threading
import time
import zipfile

import goals

LOG_LIMIT = 12 << 20     # bytes of gpu-check.log
OUTPUT_LIMIT = 128 << 10  # of one program in it
INPUTS_LIMIT = 12 << 20  # of the files in gpu-check-inputs.zip, before they are compressed
LINES = 12               # of a failure, in gpu-check.txt


def cut(text, limit):
    """The text, without its middle if it is too long."""
    if len(text) <= limit:
        return text
    end = len(text) - (limit - limit // 2)
    return f"{text[:limit // 2]}\n[{len(text) - limit} characters are left out]\n{text[end:]}"


class Report:
    def __init__(self, folder, machine):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("gpu-check.json", "gpu-check.txt", "gpu-check.log", "gpu-check-inputs.zip"):
            (folder / name).unlink(missing_ok=True)
        self.machine = machine
        self.stages = {}
        self.lock = threading.RLock()
        self.logged = self.kept = 0

    def begin(self, name, limit):
        """Returns the results of a stage, an empty dictionary to fill."""
        self.stages[name] = {"state": "running", "seconds": 0.0, "limit": round(limit), "found": {}}
        self.stages[name]["begin"] = time.monotonic()
        self.write()
        return self.stages[name]["found"]

    def end(self, name, state):
        stage = self.stages[name]
        stage["state"] = state
        stage["seconds"] = round(time.monotonic() - stage.pop("begin"), 1)
        self.write()

    def log(self, name, text):
        with self.lock, (self.folder / "gpu-check.log").open("a", encoding="utf-8") as file:
            text = cut(text, min(OUTPUT_LIMIT, max(0, LOG_LIMIT - self.logged)))
            self.logged += file.write(f"==== {name}\n{text}\n")

    def keep(self, name, content):
        """Adds a text, or a file by its path, to what belongs to failures."""
        content = content.encode() if isinstance(content, str) else content.read_bytes()
        with self.lock:
            if self.kept + len(content) > INPUTS_LIMIT:
                return
            self.kept += len(content)
            with zipfile.ZipFile(self.folder / "gpu-check-inputs.zip", "a", zipfile.ZIP_DEFLATED) as file:
                file.writestr(name, content)

    def state(self):
        states = {stage["state"] for stage in self.stages.values()}
        return "passed" if states <= {"passed", "skipped"} else "failed"

    def write(self):
        with self.lock:
            now = time.monotonic()
            stages = {name: {key: value for key, value in stage.items() if key != "begin"} |
                      ({"seconds": round(now - stage["begin"], 1)} if "begin" in stage else {})
                      for name, stage in self.stages.items()}
            rows = goals.rows({name: stage["found"] for name, stage in stages.items()})
            content = {"machine": self.machine, "stages": stages, "goals": rows}
            self.replace("gpu-check.json", json.dumps(content, indent=1) + "\n")
            text = self.text(stages, rows)
            self.replace("gpu-check.txt", text)
            return text

    def replace(self, name, text):
        """A reader, or a kill in between, sees the old file or the new one."""
        path = self.folder / f"{name}.new"
        path.write_text(text, encoding="utf-8")
        os.replace(path, self.folder / name)

    def text(self, stages, rows):
        lines = [f"gpu-check, {self.machine['date']}, commit {self.machine['commit']}",
                 f"programs: {self.machine['programs']}"]
        lines += [f"  {key}: {value}" for key, value in self.machine["gpu"].items()]
        for name, stage in stages.items():
            lines.append(f"{name}: {stage['state']}, {stage['seconds']:.0f} s of {stage['limit']}")
            for key, value in stage["found"].items():
                lines += lines_of(key, value)
        lines.append("goals:")
        for row in rows:
            measured = row["measured"]
            said = row["state"] if measured is None else f"{measured if isinstance(measured, str) else format(measured, 'g')}, {row['state']}"
            lines.append(f"  {row['goal']:<58} {row['wanted']:<10} {said}")
        return "\n".join(lines) + "\n"


def lines_of(key, value):
    if isinstance(value, list):
        return [f"  {key}:"] * bool(value) + [f"    {json.dumps(item)}" for item in value]
    if not isinstance(value, dict):
        return [f"  {key}: {value}"]
    lines = [f"  {key}: " + ", ".join(f"{name} {json.dumps(item)}" for name, item in value.items()
                                      if name != "failures")]
    for test, failure in value.get("failures", {}).items():
        lines.append(f"    {failure['state'].upper()} {test}")
        lines += [f"      {line}" for line in failure["lines"][:LINES]]
    return lines
