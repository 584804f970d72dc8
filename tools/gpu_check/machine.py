# SPDX-License-Identifier: Apache-2.0
"""What is on this machine: the GPU, CUDA's libraries, and the environment that programs need."""
import os
import subprocess
import sys
import time
from pathlib import Path

FIELDS = "name,driver_version,compute_cap,memory.total,clocks.sm,clocks.mem,clocks.max.sm,clocks.max.mem,power.limit"
# What is in the folder of a toolkit differs between distributions.
TOOLKIT = ["lib64", "lib", "targets/x86_64-linux/lib"]


def stop(sentence):
    print(f"gpu-check: {sentence}", file=sys.stderr)
    sys.exit(2)


def output_of(command, default=""):
    try:
        return subprocess.run(command, text=True, capture_output=True, timeout=60).stdout.strip()
    except (OSError, subprocess.TimeoutExpired):
        return default


def site_libraries():
    """{name: path} of the CUDA libraries and headers in python3's packages, under any version."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    folder = Path(output_of(["python3", "-c", code], "/nowhere") or "/nowhere") / "nvidia"
    found = {}
    for name in ("libcudnn", "libcublasLt", "libnccl"):
        found[name] = next(iter(sorted(folder.glob(f"*/lib/{name}.so*"))), None)
    for name in ("cudnn.h", "nccl.h"):
        found[name] = next(iter(sorted(folder.glob(f"*/include/{name}"))), None)
    return found


UNKNOWN = {"gpu": {}, "programs": "not looked at", "commit": "unknown", "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}


def describe(root):
    values = output_of(["nvidia-smi", f"--query-gpu={FIELDS}", "--format=csv,noheader", "--id=0"])
    if not values:
        stop("nvidia-smi shows no GPU; a machine with an NVIDIA GPU and its driver is required")
    gpu = dict(zip(FIELDS.split(","), (value.strip() for value in values.split(","))))
    return UNKNOWN | {"gpu": gpu, "cores": os.cpu_count(),
                      "nvcc": " ".join(output_of(["nvcc", "--version"]).splitlines()[-1:]) or "none",
                      "commit": output_of(["git", "-C", str(root), "rev-parse", "HEAD"]) or "unknown (no git)"}


def environments(root, binaries, site, data, failures="/nowhere"):
    """Those of weft's programs, and of Python with PyTorch, which needs CUDA's libraries only."""
    other = dict(os.environ)
    folders = sorted({str(path.parent) for name, path in site.items() if path and name.startswith("lib")})
    folders += [folder for part in TOOLKIT if Path(folder := f"/usr/local/cuda/{part}").is_dir()]
    if old := os.environ.get("LD_LIBRARY_PATH"):
        folders.append(old)
    other["LD_LIBRARY_PATH"] = ":".join(folders)
    own = other | {"LD_LIBRARY_PATH": ":".join([*folders, str(binaries), f"{binaries}/lib"])}
    own["GOMP_SPINCOUNT"] = "2000"
    own["WEFT_FAILURES"] = str(failures)
    # The tests know the paths of the machine that built them.
    own["WEFT_TESTED_COMMAND"] = str(binaries / "weft")
    own["WEFT_TESTED_ROOT"] = str(root)
    if data:
        own["WEFT_DATA_DIR"] = str(data)
    return own, other
