# SPDX-License-Identifier: Apache-2.0
"""Runs tests of a GoogleTest binary so that each of them gets an answer. A test that crashes, hangs
or leaves the device in an error that stays ends its process, and the others go on in a new one."""
import re
import subprocess
import time
from pathlib import Path

import programs

# After one of these errors every later call of CUDA in the process fails.
STICKY = re.compile("illegal memory access|unspecified launch failure|misaligned address|device-side assert|illegal instruction|"
                    "invalid program counter|hardware stack error|operation not supported on global/shared|"
                    "uncorrectable ECC|launch timed out|CUDA_ERROR_UNKNOWN|unknown error")
# A line of compute-sanitizer that is neither its banner nor its summary.
COMPLAINT = re.compile(r"========= +(?!COMPUTE-SANITIZER|.*SUMMARY)\S")

COMPLAINED = 9  # the exit code that compute-sanitizer is asked for, if it has complained


def tests_of(binary, deadline, **settings):
    """Returns (names, why there are none). No GPU is needed."""
    code, text = programs.run([binary, "--gtest_list_tests"], deadline, **settings)
    if code != 0:
        return [], text[-600:] or f"exit code {code}"
    names, suite = [], ""
    for line in text.splitlines():
        line = line.split("#")[0].rstrip()
        if line.startswith("  "):
            names.append(suite + line.strip())
        elif line.endswith("."):
            suite = line
    return [name for name in names if "DISABLED_" not in name], ""


class Run:
    """The states of tests by name: passed, failed, crashed, hung or skipped. A test without a state
    was not run. One that prints nothing for `quiet` seconds hangs. `outside` has the states of what
    failed while no test ran, mostly at the end of a process."""

    def __init__(self, command, names, deadline, quiet, on_change=lambda: None, **settings):
        self.command, self.names, self.deadline, self.quiet = command, names, deadline, quiet
        self.on_change, self.settings = on_change, settings
        self.states, self.outside, self.lines, self.output, self.processes = {}, {}, {}, [], 0
        self.why = self.running_at_end = ""

    def go(self):
        while pending := [name for name in self.names if name not in self.states]:
            if time.monotonic() >= self.deadline or programs.ending.is_set():
                break
            before = len(self.states)
            try:
                self.one_process(pending)
            except (TimeoutError, OSError) as error:
                self.output.append(str(error))
            if len(self.states) == before and time.monotonic() < self.deadline and not programs.ending.is_set():
                self.why = "\n".join(self.output[-6:]) or "no test began"
                break
        return self

    def one_process(self, pending):
        self.processes += 1
        before, current, between = set(self.states), None, []
        command = [*self.command, "--gtest_color=no", "--gtest_filter=" + ":".join(pending)]
        with programs.started(command, **self.settings) as process:
            try:
                for line in programs.lines_of(process, self.deadline, self.quiet):
                    self.output.append(line)
                    current = self.follow(line, current)
                    if current is None:
                        between.append(line)
                    if line.startswith("[  FAILED  ]") and current is None and self.is_sticky(line):
                        return
                code = process.wait(max(0.1, self.deadline - time.monotonic()))
            except (TimeoutError, subprocess.TimeoutExpired):
                in_time = time.monotonic() < self.deadline and not programs.ending.is_set()
                if current and in_time:
                    self.end(current, "hung")
                elif current:
                    self.running_at_end = current
                elif in_time and len(self.states) > len(before):
                    self.end_outside("hung", [*between, f"the process printed nothing for {self.quiet:g} s"])
                return
        ended = f"the process ended with {'signal' if code < 0 else 'code'} {abs(code)}"
        if current:  # it began and did not end
            self.lines[current].append(ended)
            self.end(current, "crashed")
            return
        here = [state for name, state in self.states.items() if name not in before]
        explained = (0, 1, COMPLAINED) if "failed" in here else (0,)
        if here and code not in explained:
            self.end_outside("crashed" if code < 0 else "failed", [*between, ended])

    def follow(self, line, current):
        """Returns the test that is running after this line."""
        if begun := re.match(r"\[ RUN      \] (\S+)", line):
            self.lines[begun[1]] = []
            return begun[1]
        if current is None:
            return None
        if ended := re.match(r"\[ +(OK|FAILED|SKIPPED) +\] (\S+)", line):
            if ended[2].rstrip(",") == current:
                state = {"OK": "passed", "FAILED": "failed", "SKIPPED": "skipped"}[ended[1]]
                complained = any(COMPLAINT.match(one) for one in self.lines[current])
                self.end(current, "failed" if complained and state == "passed" else state)
                return None
        self.lines[current].append(line)
        return current

    def end(self, name, state):
        self.states[name] = state
        self.on_change()

    def end_outside(self, state, lines):
        name = f"{Path(self.command[-1]).name}, outside its tests"
        self.lines[name] = lines[-40:]
        self.outside[name] = state
        self.on_change()

    def is_sticky(self, line):
        name = line.split("] ")[1].split(" ")[0].rstrip(",")
        return any(STICKY.search(one) for one in self.lines.get(name, []))

    def summary(self):
        """Counts, and the failures by name with their first lines."""
        states, outside = dict(self.states), dict(self.outside)
        count = {state: list(states.values()).count(state) for state in ("passed", "skipped")}
        failures = {name: {"state": state, "lines": [line[:300] for line in self.lines[name][:40]]}
                    for name, state in (states | outside).items() if state in ("failed", "crashed", "hung")}
        result = {**count, "failed": len(failures), "not_run": len(self.names) - len(states),
                  "processes": self.processes, "failures": failures}
        if self.why:
            result["why_not_run"] = self.why
        if self.running_at_end:
            result["running_at_the_end"] = self.running_at_end
        return result
