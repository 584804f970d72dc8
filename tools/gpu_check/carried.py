# SPDX-License-Identifier: Apache-2.0
"""The folder that `./run gpu-check pack` fills and `./run gpu-check --from` takes.

    pack.json        {arch, commit, date, cpu_losses}
    programs.tar.xz  bin/: programs and libweft; bin/lib/: libraries of the system
    data/            mnist/, as it was downloaded"""
import json
import lzma
import os
import tarfile
from pathlib import Path

import machine

ARCHIVE, ABOUT = "programs.tar.xz", "pack.json"


def unpack(folder, work):
    """Unpacks the programs to work/bin, and returns what pack.json says."""
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        if not isinstance(about, dict) or not {"arch", "commit", "cpu_losses"} <= set(about):
            raise ValueError(f"its {ABOUT} is not that of a pack")
        with tarfile.open(folder / ARCHIVE, "r:xz") as archive:
            archive.extractall(work)
    except (OSError, ValueError, tarfile.TarError, EOFError, lzma.LZMAError) as error:
        machine.stop(f"--from: {folder} has no programs that can be unpacked ({getattr(error, 'strerror', None) or error}); "
                     "a folder from ./run gpu-check pack is required")
    return about


def check_data(options, stop):
    if options.data and not options.data.is_dir():
        stop(f"--data: {options.data} is not a folder; one that has mnist/ is required")


def data_folder(options):
    for folder in (options.data, options.source and options.source / "data", os.environ.get("WEFT_DATA_DIR"),
                   options.root / "data"):
        if folder and Path(folder).is_dir():
            return Path(folder).resolve()
    return None
