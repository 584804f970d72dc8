#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the checks that need a GPU and writes one report: `./run gpu-check [PART …]`.

    build      the library, the kernel tests and the benchmarks, by nvcc, for this machine's GPU
    test       the kernel tests, whole training steps, the op rows and NCCL with one rank, on the
               GPU
    sanitize   the kernel tests under compute-sanitizer: memcheck, racecheck, initcheck, synccheck
    bench      kernels beside a copy and the best of cuBLASLt; training steps beside PyTorch, where
               it is installed

Without a PART it runs all of them, in this order. Parts after `build` need its output. No network
is used. --deps DIR names a folder from `./run gpu-check pack DIR`, for machines without the
packages. CUDA libraries that the toolkit lacks are looked for in the site-packages of python3. Each
part is ended after its time budget. All parts together take about 10 minutes on 16 cores.

The report is written to gpu-check.txt and gpu-check.json in --output (build/gpu-check) after each
part, so that its results are kept if a later part is stopped. Exit code 1 if a part failed, 2 if it
could not begin."""
import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

PARTS = {"build": 270, "test": 90, "sanitize": 150, "bench": 120}  # seconds
TOOLS = ["memcheck", "racecheck", "initcheck", "synccheck"]
TARGETS = ["weft_app", "test_cuda", "test_gpu", "test_autograd", "test_dist", "weft_bench", "kernel_bench"]


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
    folder = Path(output_of(["python3", "-c", code], "/nowhere")) / "nvidia"
    found = {}
    for name in ("libcudnn", "libcublasLt", "libnccl"):
        found[name] = next(iter(sorted(folder.glob(f"*/lib/{name}.so*"))), None)
    for name in ("cudnn.h", "nccl.h"):
        found[name] = next(iter(sorted(folder.glob(f"*/include/{name}"))), None)
    return found


class Check:
    def __init__(self, root, options):
        self.root, self.options = root, options
        self.build = root / "build/cuda"
        self.output = options.output
        self.output.mkdir(parents=True, exist_ok=True)
        self.site = site_libraries()
        self.report = {"machine": self.machine(), "parts": {}}
        self.environment = dict(os.environ)
        folders = {str(path.parent) for name, path in self.site.items() if path and name.startswith("lib")}
        self.environment["LD_LIBRARY_PATH"] = ":".join([*sorted(folders), os.environ.get("LD_LIBRARY_PATH", "")])

    def machine(self):
        fields = "name,driver_version,compute_cap,memory.total,clocks.sm,clocks.mem,clocks.max.sm,clocks.max.mem,power.limit"
        values = output_of(["nvidia-smi", f"--query-gpu={fields}", "--format=csv,noheader", "--id=0"])
        if not values:
            stop("nvidia-smi shows no GPU; a machine with an NVIDIA GPU and its driver is required")
        gpu = dict(zip(fields.split(","), (value.strip() for value in values.split(","))))
        return {"gpu": gpu, "nvcc": output_of(["nvcc", "--version"]).splitlines()[-1:],
                "commit": output_of(["git", "-C", str(self.root), "rev-parse", "HEAD"]) or "no git",
                "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "cores": os.cpu_count()}

    def run(self, name, command, seconds, **settings):
        """Returns (exit code, output). The output is also written to a file beside the report."""
        log = self.output / f"{name}.log"
        with log.open("w", encoding="utf-8") as file:
            try:
                code = subprocess.run(command, stdout=file, stderr=subprocess.STDOUT, env=self.environment,
                                      timeout=max(1, seconds), cwd=self.root, **settings).returncode
            except subprocess.TimeoutExpired:
                code = 124
            except OSError as error:
                file.write(str(error))
                code = 127
        return code, log.read_text(encoding="utf-8", errors="replace")

    # Each part returns (passed, its report).

    def do_build(self, deadline):
        architecture = self.report["machine"]["gpu"]["compute_cap"].replace(".", "")
        flags = [f"-DCMAKE_CUDA_ARCHITECTURES={architecture}-real", "-DWEFT_TESTS=ON"]
        if self.options.deps:
            flags.append(f"-DCMAKE_PREFIX_PATH={self.options.deps}")
        if not any(Path("/usr/include").rglob("cudnn.h")) and self.site["cudnn.h"] and self.site["libcudnn"]:
            flags += [f"-DWEFT_CUDNN_INCLUDE={self.site['cudnn.h'].parent}", f"-DWEFT_CUDNN_LIBRARY={self.site['libcudnn']}"]
        toolkit = Path(shutil.which("nvcc")).resolve().parent.parent
        if not any(toolkit.rglob("libcublasLt.so")) and self.site["libcublasLt"]:
            flags.append(f"-DCUDA_cublasLt_LIBRARY={self.site['libcublasLt']}")
        if not any(toolkit.rglob("nccl.h")) and self.site["nccl.h"] and self.site["libnccl"]:
            flags += [f"-DWEFT_NCCL_INCLUDE={self.site['nccl.h'].parent}", f"-DWEFT_NCCL_LIBRARY={self.site['libnccl']}"]
        code, text = self.run("configure", ["cmake", "--preset", "cuda", *flags], deadline - time.monotonic())
        if code == 0:
            jobs = str(os.cpu_count() or 2)
            code, text = self.run("build", ["ninja", "-C", str(self.build), "-j", jobs, "-k", "0", *TARGETS],
                                  deadline - time.monotonic())
        errors = [line for line in text.splitlines() if re.search(r"\berror\b|FAILED:|Error at", line)]
        return code == 0, {"exit_code": code, "flags": flags, "errors": errors[:20]}

    def tests_of(self, name, command, deadline):
        code, text = self.run(name, command, deadline - time.monotonic())
        count = re.search(r"\[  PASSED  \] (\d+) test", text)
        failed = sorted(set(re.findall(r"^\[  FAILED  \] ([\w./]+)", text, re.MULTILINE)))
        passed = code == 0 and bool(count) and int(count[1]) > 0
        return passed, {"exit_code": code, "passed": int(count[1]) if count else 0, "failed": failed,
                        "first_lines": [line for line in text.splitlines() if "Failure" in line or "rror" in line][:12]}

    def do_test(self, deadline):
        results, passed = {}, True
        for name, binary, filters in [("test_cuda", "test_cuda", []), ("test_gpu", "test_gpu", []),
                                      ("op_rows", "test_autograd", ["--gtest_filter=*.cuda"])]:
            ok, results[name] = self.tests_of(name, [str(self.build / binary), "--gtest_brief=1", *filters], deadline)
            passed &= ok
        if (self.build / "libweft_nccl.so").exists():
            ok, results["dist"] = self.tests_of("dist", [
                str(self.build / "test_dist"), "--gtest_brief=1", "--gtest_filter=DeviceGroup.OfOneRank"], deadline)
            passed &= ok
        else:
            results["dist"] = "not run: this build has no NCCL"
        return passed, results

    def do_sanitize(self, deadline):
        results, passed = {}, True
        if not shutil.which("compute-sanitizer", path=self.environment["PATH"]):
            return False, {"error": "compute-sanitizer is not on the PATH"}
        for number, tool in enumerate(TOOLS):
            now = time.monotonic()
            share = now + (deadline - now) / (len(TOOLS) - number)
            ok, result = self.tests_of(f"sanitize-{tool}", [
                "compute-sanitizer", "--tool", tool, "--error-exitcode", "9", str(self.build / "test_cuda"), "--gtest_brief=1"],
                share)
            text = (self.output / f"sanitize-{tool}.log").read_text(encoding="utf-8", errors="replace")
            summary = re.findall(r"(?:ERROR|RACECHECK) SUMMARY: (.*)", text)
            results[tool] = {**result, "summary": summary[-1] if summary else "none: it was cut off or did not run"}
            passed &= ok and bool(summary)
        return passed, results

    def do_bench(self, deadline):
        code, text = self.run("kernel_bench", [str(self.build / "kernel_bench"), "--device", "cuda"],
                              deadline - time.monotonic())
        kernels = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
        results = {"kernels": kernels, "exit_code": code}
        passed = code == 0 and bool(kernels)
        if subprocess.run(["python3", "-c", "import torch"], capture_output=True).returncode == 0:
            file = self.output / "training.json"
            modes = ["eager", "eager+fused", "eager+fused+graph"]
            for work in ("mlp_b128", "cnn_b64", "resnet18_b32"):
                layout = [] if work.startswith("mlp") else ["eager+channels_last+fused", "eager+channels_last+fused+graph"]
                code, _ = self.run(f"training-{work}", [
                    sys.executable, str(self.root / "bench/run.py"), str(self.build / "weft_bench"), "--device", "cuda",
                    "--steps", "captured", "--work", work, "--rounds", "5", "--seconds", "0.5", "--output", str(file),
                    "--modes", *modes, *layout],
                    deadline - time.monotonic())
                passed &= code == 0
                if code == 0:
                    results.setdefault("training", []).extend(json.loads(file.read_text(encoding="utf-8")))
                else:
                    results.setdefault("not_measured", []).append(f"{work}: exit code {code}")
        else:
            results["training"] = "not measured: python3 has no PyTorch"
        return passed, results

    def write(self):
        (self.output / "gpu-check.json").write_text(json.dumps(self.report, indent=1) + "\n", encoding="utf-8")
        lines = [f"gpu-check, {self.report['machine']['date']}, commit {self.report['machine']['commit']}"]
        lines += [f"  {key}: {value}" for key, value in self.report["machine"]["gpu"].items()]
        lines += [f"  nvcc: {' '.join(self.report['machine']['nvcc'])}"]
        for part, result in self.report["parts"].items():
            lines.append(f"{part}: {'passed' if result['passed'] else 'FAILED'}, {result['seconds']:.0f} s")
            for key, value in result["found"].items():
                if isinstance(value, list):
                    lines += [f"  {json.dumps(item)}" for item in value]
                else:
                    lines.append(f"  {key}: {json.dumps(value)}")
        text = "\n".join(lines) + "\n"
        (self.output / "gpu-check.txt").write_text(text, encoding="utf-8")
        return text

    def go(self):
        for part in self.options.parts or PARTS:
            start = time.monotonic()
            print(f"gpu-check: {part}", flush=True)
            seconds = PARTS[part] if self.options.seconds is None else self.options.seconds
            passed, found = getattr(self, f"do_{part}")(start + seconds)
            self.report["parts"][part] = {"passed": passed, "seconds": time.monotonic() - start, "found": found}
            text = self.write()
            if part == "build" and not passed:
                break
        print(text, end="")
        print(f"gpu-check: the report is {self.output}/gpu-check.txt and .json")
        return all(result["passed"] for result in self.report["parts"].values())


def main():
    parser = argparse.ArgumentParser(prog="./run gpu-check", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("parts", nargs="*", metavar="PART")
    parser.add_argument("--deps", default="")
    parser.add_argument("--seconds", type=float, help="a time limit for each part instead of its budget")
    parser.add_argument("--output", type=Path)
    options = parser.parse_intermixed_args()
    for part in options.parts:
        if part not in PARTS:
            stop(f"'{part}' is not a part; known: {', '.join(PARTS)}")
    options.output = (options.output or options.root / "build/gpu-check").resolve()
    if "build" not in (options.parts or PARTS) and not (options.root / "build/cuda/test_cuda").exists():
        stop("build/cuda/test_cuda does not exist; run the part build first")
    sys.exit(0 if Check(options.root, options).go() else 1)


main()
