# SPDX-License-Identifier: Apache-2.0
"""The command line that the torture programs have in common."""
import argparse
import pathlib
import random

from . import kills


def parser_of(description, kinds, short):
    """`short` is the help of --short."""
    parser = argparse.ArgumentParser(description=description.splitlines()[0])
    parser.add_argument("weft", type=pathlib.Path)
    parser.add_argument("faults", type=pathlib.Path)
    parser.add_argument("--short", action="store_true", help=short)
    parser.add_argument("--only", type=lambda text: text.split(","), default=[], help=f"some of {', '.join(kinds)}")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--keep", action="store_true", help="keep the folder")
    return parser


def options_of(parser, kinds):
    """Parses the command line. Signals that this process ignores are listened to from here on."""
    options = parser.parse_args()
    if unknown := set(options.only) - kinds.keys():
        parser.error(f"--only: {', '.join(unknown)} given; some of {', '.join(kinds)} are required")
    options.weft, options.faults = options.weft.resolve(), options.faults.resolve()
    options.seed = options.seed if options.seed is not None else random.randrange(10**6)
    kills.listen_to_all()
    return options
