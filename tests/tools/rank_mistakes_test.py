#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ranks that do not fit together: rank_mistakes_test.py WEFT_COMMAND PLUGIN

Every rank ends in time with exit code 2 and one sentence, and there is no run folder.
"""
import concurrent.futures
import os
import pathlib
import re
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
from torture.ranks import CONFIGS, Job  # noqa: E402

PLUGIN = os.path.abspath(sys.argv.pop())
COMMAND = os.path.abspath(sys.argv.pop())
PATIENCE = 4  # dist.timeout
SECONDS = 40  # until all have ended, on a busy machine
AT_A_TIME = 4  # jobs, which mostly wait

MISSED = f"dist: rank 1 of 2 has not come within {PATIENCE} s; all are required"
MISSED_LAST = MISSED.replace("1 of 2", "2 of 3")
OTHER_SIZE = re.escape("dist: rank 1 was started as one of 3 ranks, and rank 0 as one of 2; the same number")
TWICE = "dist: two processes have rank 1; each rank is required once"
TWO_FIRST = f"({MISSED}|dist: rank 0 cannot listen at port [0-9]+ of )"
OTHER_BUILD = r"dist: rank 1 on \S+ has another config, build or kind of device than rank 0: '.*', and rank 0 has '.*'; the same are required"
NOWHERE = {"MASTER_ADDR": "no-such-host.invalid"}
UNRESOLVED = r"dist: the address 'no-such-host\.invalid' does not resolve \(.*\); that of rank 0"

# Of each rank: its variables, further arguments, and what it says.
CASES = {
    "another_number_of_ranks_on_one": [({}, [], OTHER_SIZE), ({"WORLD_SIZE": "3"}, [], OTHER_SIZE)],
    "fewer_ranks_than_the_environment_says":
        [({"WORLD_SIZE": "3"}, [], MISSED_LAST), ({"WORLD_SIZE": "3"}, [], MISSED_LAST)],
    "two_ranks_with_one_number": [({}, [], TWICE), ({}, [], TWICE), ({"RANK": "1", "LOCAL_RANK": "2"}, [], TWICE)],
    "two_first_ranks": [({}, [], TWO_FIRST), ({"RANK": "0"}, [], TWO_FIRST)],
    "a_number_that_is_too_large": [({}, [], MISSED), ({"RANK": "2"}, [], ".*RANK.*2")],
    "another_config": [({}, [], OTHER_BUILD), ({}, ["train.batch_size=10"], OTHER_BUILD)],
    "another_build": [({}, [], OTHER_BUILD), ({}, [f"--plugin={PLUGIN}"], OTHER_BUILD)],
    "another_token": [({}, [], MISSED), ({"WEFT_DIST_TOKEN": "another"}, [], "dist: rank 0 has another token")],
    "an_address_that_does_not_resolve": [(NOWHERE, [], UNRESOLVED), (NOWHERE, [], UNRESOLVED)],
    "an_address_that_does_not_resolve_on_one": [({}, [], MISSED), (NOWHERE, [], UNRESOLVED)],
    "variables_that_are_set_in_part": [({}, [], MISSED), ({"WORLD_SIZE": None}, [], "environment: .*WORLD_SIZE")],
}


class Folder:
    weft, slack = COMMAND, 0

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        (self.folder / "mlp.yaml").write_text(CONFIGS["mlp"])


def end_of(name, ranks):
    """What the ranks end with: codes and lines without warnings, all outputs, the run folder."""
    with tempfile.TemporaryDirectory() as folder, \
            Job(Folder(folder), "mlp", len(ranks), "run", [f"dist.timeout={PATIENCE}"]) as job:
        for rank, (variables, arguments, _) in enumerate(ranks):
            job.start(rank, arguments, **variables)
        job.expect_end(job.processes, job.began, SECONDS, name)
        errors = [[line for line in job.output(rank).splitlines() if "warning: " not in line]
                  for rank in range(len(ranks))]
        return ([job.code(rank) for rank in range(len(ranks))], errors, job.outputs(),
                pathlib.Path(folder, "run").exists())


class Mistakes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as pool:
            cls.ends = {name: pool.submit(end_of, name, ranks) for name, ranks in CASES.items()}

    def expect(self, name):
        codes, errors, outputs, trained = self.ends[name].result()
        self.assertEqual(codes, [2] * len(codes), outputs)
        for lines, (_, _, sentence) in zip(errors, CASES[name]):
            self.assertEqual(len(lines), 1, outputs)
            self.assertRegex(lines[0], "^weft: (rank [0-9]+: )?" + sentence, outputs)
        self.assertFalse(trained, outputs)


for case in CASES:
    setattr(Mistakes, f"test_{case}", lambda self, name=case: self.expect(name))

if __name__ == "__main__":
    unittest.main()
