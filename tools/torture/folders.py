# SPDX-License-Identifier: Apache-2.0
"""Run folders that were copied, that have no links, or that cannot be read."""
import itertools
import os
import shutil
import signal

from .kills import hit_at_random
from .runs import check, contents, name_of, visible

ERRORS = {"EIO": "Input/output error", "ESTALE": "Stale file handle", "EACCES": "Permission denied"}
# Nobody may be told to do this to a checkpoint that may be good.
DESTRUCTIVE = ("damaged", "remove", "delete", "internal error")


def as_folders(checkpoints):
    """cp -rL, scp -r, zip: the links become folders."""
    for link in ("last", "best"):
        target = checkpoints / os.readlink(checkpoints / link)
        (checkpoints / link).unlink()
        shutil.copytree(target, checkpoints / link)


def as_old_folders(checkpoints):
    """A copy that follows links, to which a newer checkpoint was added later."""
    oldest = checkpoints / name_of(visible(checkpoints.parent)[0])
    for link in ("last", "best"):
        (checkpoints / link).unlink()
        shutil.copytree(oldest, checkpoints / link)


def as_files(checkpoints):
    """A file system whose links are files with the name in them."""
    for link in ("last", "best"):
        target = os.readlink(checkpoints / link)
        (checkpoints / link).unlink()
        (checkpoints / link).write_text(target)


def as_nothing(checkpoints):
    """A copy that leaves links out."""
    for link in ("last", "best"):
        (checkpoints / link).unlink()


def leading_nowhere(checkpoints):
    for link in ("last", "best"):
        (checkpoints / link).unlink()
        (checkpoints / link).symlink_to("step-1000")


COPIES = (as_folders, as_old_folders, as_files, as_nothing, leading_nowhere)


def notices(output):
    return [line for line in output.splitlines() if line.startswith("warning:") and "link" in line]


def copied_links(runs, random, number):
    """`last` and `best` are no links any more: evaluate reads the newest weights, also later."""
    for copy in itertools.islice(itertools.cycle(COPIES), number):
        name = runs.new("copied")
        shutil.copytree(runs.folder / "whole", runs.folder / name, symlinks=True)
        copy(runs.folder / name / "checkpoints")
        evaluated = runs.evaluate(name)
        check(evaluated == runs.evaluated, f"{name}: {copy.__name__}: evaluate reads other weights:\n{evaluated}\n{runs.evaluated}")
        shutil.rmtree(runs.folder / name)

        name = runs.cut_off("copied", random)
        for link in ("last", "best"):  # the kill may have come before the first ones
            if not (runs.folder / name / "checkpoints" / link).is_symlink():
                (runs.folder / name / "checkpoints" / link).symlink_to(name_of(visible(runs.folder / name)[0]))
        newest = runs.newest_good(name)
        copy(runs.folder / name / "checkpoints")
        code, output = runs.train(name)
        check(code == 0 and f"{name_of(newest)}:" in output, f"{name}: {copy.__name__}: code {code}, {name_of(newest)} is required:\n{output}")
        check(len(notices(output)) <= 1, f"{name}: {copy.__name__}: more than one notice:\n{output}")
        evaluated = runs.evaluate(name)
        check(evaluated == runs.evaluated, f"{name}: {copy.__name__}: after the end evaluate reads other weights:\n{evaluated}\n{runs.evaluated}")
        runs.counts.add("copies without their links")
        runs.expect_the_same(name)


def no_links(runs, random, number):
    """A file system without links: saves are good, with one notice, also after kills."""
    for kind in itertools.islice(itertools.cycle(("EPERM", "ENOTSUP")), number):
        name = runs.new("no-links")
        faults = {"WEFT_FAULT_UNDER": name, "WEFT_FAULT_CALLS": "symlink", "WEFT_FAULT_KIND": kind, "WEFT_FAULT_EVERY": "1"}
        for _ in range(random.randint(0, 2)):
            if hit_at_random(runs, random, name, signal.SIGKILL, faults) is None:
                break
            runs.counts.add("kills at random moments")
            runs.newest_good(name)
        code, output = runs.train(name, faults)
        check(code == 0, f"{name}: {kind} for links: code {code}:\n{output}")
        check(len(notices(output)) <= 1, f"{name}: {kind} for links: more than one notice:\n{output}")
        check(not os.path.lexists(runs.folder / name / "checkpoints/last"), f"{name}: links could be made; the test is void")
        evaluated = runs.evaluate(name)
        check(evaluated == runs.evaluated, f"{name}: without links evaluate reads other weights:\n{evaluated}\n{runs.evaluated}")
        runs.counts.add("runs without links")
        runs.expect_the_same(name)


def unreadable(runs, random, number):
    """A checkpoint that cannot be read is not damaged: nothing is removed, and later it is read."""
    kinds = itertools.cycle(itertools.product(("read", "open", "stat"), ERRORS))
    for calls, kind in itertools.islice(kinds, number):
        name = runs.cut_off("unreadable", random)
        newest = runs.newest_good(name)
        before = contents(runs.folder / name / "checkpoints")
        when = random.choice([("AT", random.randint(1, 4)), ("EVERY", 1), ("EVERY", 3)])
        faults = {"WEFT_FAULT_UNDER": f"{name}/checkpoints/{name_of(newest)}", "WEFT_FAULT_CALLS": calls,
                  "WEFT_FAULT_KIND": kind, f"WEFT_FAULT_{when[0]}": str(when[1])}
        evaluated = runs.evaluate(name)
        code, output = runs.call("evaluate", name, "--json", faults=faults)
        check(code in (1, 2) or (code == 0 and output == evaluated),
              f"{name}: {faults}: evaluate: code {code}, other weights than\n{evaluated}\n{output}")
        code, output = runs.train(name, faults)
        runs.counts.add("checkpoints that cannot be read")
        if code == 0:  # these calls do not decide
            check(f"{name_of(newest)}:" in output, f"{name}: {faults}: {name_of(newest)} was passed over:\n{output}")
            runs.expect_the_same(name)
            continue
        check(code in (1, 2) and "weft: " in output and ERRORS[kind] in output,
              f"{name}: {faults}: code {code}; the reason is required:\n{output}")
        for word in DESTRUCTIVE:
            check(word not in output, f"{name}: {faults}: '{word}' about what may be good:\n{output}")
        after = contents(runs.folder / name / "checkpoints")
        lost = [entry for entry in before if after.get(entry) != before[entry] and not entry.startswith(".")]
        check(not lost, f"{name}: {faults}: changed or gone: {lost}:\n{output}")
        runs.finish(name, newest)
