# SPDX-License-Identifier: Apache-2.0
"""The stages build, smoke, tests and sanitize. A stage fills its results as it goes, and returns
whether it passed: "passed", "failed", "cut off" or "skipped"."""
import os
import re
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from fnmatch import fnmatch
from pathlib import Path

import gtest
import programs

TARGETS = ["weft_app", "test_cuda", "test_gpu", "test_autograd", "weft_bench", "kernel_bench", "test_dist"]

# One test each of a kernel, a product, a convolution and captured steps. They are in every build:
# some tests are in the emulated one alone.
SMOKE = [("kernel", "test_cuda", "CudaElementwise.relu"),
         ("product", "test_cuda", "CudaMatmul.ProductBiasAndActivation"),
         ("convolution", "test_cuda", "CudaConv2d.ForwardAndGradients"),
         ("captured step", "test_gpu", "GpuCapture.AHundredStepsAreThoseOfOpByOp")]

# Which tests run on the device, by binary. Those of test_dist need NCCL.
DEVICE_TESTS = [("test_cuda", "*"), ("test_gpu", "*"), ("test_autograd", "*.cuda"), ("test_dist", "DeviceGroup.OfOneRank")]

# The kernels that share memory between threads; the other tools look at all kernels.
SHARED = ["CudaSoftmax.*", "CudaLayerNorm.*", "CudaBatchNorm.*", "CudaReduce*", "CudaPermute.*", "CudaCrossEntropy.*",
          "CudaCountTopK.*", "CudaPool2d.*", "CudaConv2d.*", "CudaTeam*", "CudaOptimizer.*"]
SANITIZERS = [("memcheck", ["*"]), ("racecheck", SHARED), ("synccheck", SHARED), ("initcheck", ["*"])]


def build(check, found, deadline):
    """All of weft that the stages need, by nvcc, for this machine's GPU."""
    architecture = check.report.machine["gpu"]["compute_cap"].replace(".", "")
    site, flags = check.site, [f"-DCMAKE_CUDA_ARCHITECTURES={architecture}-real", "-DWEFT_TESTS=ON"]
    if check.options.deps:
        flags.append(f"-DCMAKE_PREFIX_PATH={check.options.deps}")
    if not any(Path("/usr/include").rglob("cudnn.h")) and site["cudnn.h"] and site["libcudnn"]:
        flags += [f"-DWEFT_CUDNN_INCLUDE={site['cudnn.h'].parent}", f"-DWEFT_CUDNN_LIBRARY={site['libcudnn']}"]
    toolkit = Path(shutil.which("nvcc") or "/usr/local/cuda/bin/nvcc").resolve().parent.parent
    if not any(toolkit.rglob("libcublasLt.so")) and site["libcublasLt"]:
        flags.append(f"-DCUDA_cublasLt_LIBRARY={site['libcublasLt']}")
    if not any(toolkit.rglob("nccl.h")) and site["nccl.h"] and site["libnccl"]:
        flags += [f"-DWEFT_NCCL_INCLUDE={site['nccl.h'].parent}", f"-DWEFT_NCCL_LIBRARY={site['libnccl']}"]
    found["flags"] = flags
    code, text = check.run("configure", ["cmake", "--preset", "cuda", *flags], deadline)
    if code == 0:
        code, text = check.run("build", ["ninja", "-C", check.binaries, "-j", str(os.cpu_count() or 2), "-k", "0", *TARGETS],
                               deadline)
    found["exit_code"] = code
    found["errors"] = [line for line in text.splitlines() if re.search(r"\berror\b|FAILED:|Error at", line)][:20]
    return "passed" if code == 0 else "failed"


def why_not(text):
    """One sentence for a program that the machine cannot load, or ""."""
    if missing := re.search(r"(lib\w+\.so[.\d]*): cannot open shared object file", text):
        package = {"libcudnn": "cuDNN 9", "libcublasLt": "cuBLAS of CUDA 13"}.get(missing[1].split(".")[0], "its package")
        return (f"{missing[1]} was not found on this machine, in its toolkit or in the packages of python3; "
                f"{package} is required there, because it is not carried")
    if version := re.search(r"version `((?:GLIBC|GLIBCXX|CXXABI)_[\d.]+)' not found", text):
        return (f"this machine's system libraries are older than {version[1]}, which the carried programs need; "
                "build here instead: ./run gpu-check without --from")
    return ""


def smoke(check, found, deadline):
    code, text = check.run("loads", [check.binaries / "test_cuda", "--gtest_list_tests"], deadline)
    if code != 0:
        found["stopped"] = why_not(text) or f"test_cuda does not start: exit code {code}, {text[-400:]}"
        return "failed"
    if check.carried and (built := check.carried["arch"]) != (here := check.report.machine["gpu"]["compute_cap"].replace(".", "")):
        found["stopped"] = (f"the carried programs are for sm_{built}, and this GPU is sm_{here}; "
                            f"pack with --arch {here} is required")
        return "failed"
    states = []
    for what, binary, name in SMOKE:
        one = gtest.Run([check.binaries / binary], [name], deadline, check.options.quiet, **check.settings()).go()
        check.report.log(f"smoke: {what}", "\n".join(one.output))
        state = next(iter(one.outside.values()), one.states.get(name, "not run"))
        found[what] = state if state == "passed" else {"state": state, **one.summary()}
        states.append(state)
        check.report.write()
    return "passed" if set(states) == {"passed"} else "failed"


def chosen(check, binary, patterns, deadline):
    """Returns the names of the tests that are to run, and why there are none."""
    names, why = gtest.tests_of(check.binaries / binary, deadline, **check.settings())
    wanted = check.options.tests
    names = [name for name in names if any(fnmatch(name, pattern) for pattern in patterns)]
    return [name for name in names if not wanted or any(fnmatch(name, pattern) for pattern in wanted)], why


def no_match(check):
    return f"no test matches --tests {' '.join(check.options.tests)}"


def run_tests(check, found, key, command, names, deadline, slower=1):
    """Runs the tests and keeps what belongs to failures. Returns the Run."""
    run = gtest.Run(command, names, deadline, slower * check.options.quiet, **check.settings())

    def note():
        with check.report.lock:
            found[key] = run.summary()

    def on_change():
        note()
        if len(run.states) % 10 == 0 or found[key]["failed"]:
            check.report.write()

    run.on_change = on_change
    run.go()
    note()
    check.report.log(key, "\n".join(run.output))
    for name in found[key]["failures"]:
        check.report.keep(f"{key}/{name.replace('/', '_')}.txt", "\n".join(run.lines[name]))
        inputs = check.failures / f"{name}.safetensors"
        if inputs.exists():
            check.report.keep(f"{key}/{inputs.name}", inputs)
            inputs.unlink()
    check.report.write()
    return run


def state_of(found, keys):
    results = [found[key] for key in keys]
    if any(result["failed"] or result.get("why_not_run") for result in results):
        return "failed"
    if any(result["not_run"] for result in results):
        return "cut off"
    return "passed" if any(result["passed"] for result in results) else "failed"


def tests(check, found, deadline):
    """All tests on the device, those of several binaries at a time."""
    lists = {}
    for binary, pattern in DEVICE_TESTS:
        if binary == "test_dist" and not (check.binaries / "libweft_nccl.so").exists():
            found[binary] = "not run: this build has no NCCL"
            continue
        names, why = chosen(check, binary, [pattern], deadline)
        if names:
            lists[binary] = names
        elif why or not check.options.tests:
            found[binary] = {"passed": 0, "failed": 0, "not_run": 0, "failures": {}, "why_not_run": why or "it has no tests"}
            lists[binary] = []

    def of(binary):
        if lists[binary]:
            run_tests(check, found, binary, [check.binaries / binary], lists[binary], deadline)

    with ThreadPoolExecutor(len(DEVICE_TESTS)) as pool:
        list(pool.map(of, lists))
    again(check, found, lists, deadline)
    if not lists:
        found["not run"] = no_match(check)
        return "failed"
    return state_of(found, lists)


def again(check, found, lists, deadline):
    """Each failed test once more, alone. One that passes now depends on what ran around it."""
    passed = []
    for binary in lists:
        for name, failure in list(found[binary]["failures"].items())[:20]:
            if name not in lists[binary] or failure["state"] == "hung" or time.monotonic() > deadline - 5:
                continue
            run = gtest.Run([check.binaries / binary], [name], deadline, check.options.quiet, **check.settings()).go()
            if run.states.get(name) == "passed":
                passed.append(name)
    if passed:
        found["failed, but passed when run again alone"] = passed


def sanitize(check, found, deadline):
    """Some kernel tests under compute-sanitizer, its tools at a time."""
    tool_path = shutil.which("compute-sanitizer") or shutil.which("/usr/local/cuda/bin/compute-sanitizer")
    if not tool_path:
        found["not run"] = "compute-sanitizer is not on the PATH"
        return "skipped"
    lists = {tool: chosen(check, "test_cuda", patterns, deadline)[0] for tool, patterns in SANITIZERS}
    lists = {tool: names for tool, names in lists.items() if names}
    refused = []

    def of(tool):
        command = [tool_path, "--tool", tool, "--error-exitcode", gtest.COMPLAINED, check.binaries / "test_cuda"]
        run = run_tests(check, found, tool, command, lists[tool], deadline, slower=2)
        summaries = re.findall(r"(?:ERROR|RACECHECK) SUMMARY: (.*)", "\n".join(run.output))
        with check.report.lock:
            found[tool]["summary"] = summaries[-1] if summaries else "none: it was cut off or did not run"
            errors = sum(int(number) for line in summaries for number in re.findall(r"(\d+) errors?\b", line))
            if errors and not found[tool]["failed"]:
                found[tool]["failed"] = 1
                found[tool]["failures"]["compute-sanitizer"] = {
                    "state": "failed", "lines": [f"its summary has {errors} errors, none of them in a test"]}
        refused.extend(line for line in run.output if "not supported" in line and "evice" in line)

    with ThreadPoolExecutor(len(SANITIZERS)) as pool:
        list(pool.map(of, lists))
    if refused:
        found["not run"] = f"compute-sanitizer refuses this machine: {refused[0]}"
        return "skipped"
    if not lists and check.options.tests:
        found["not run"] = f"{no_match(check)} in test_cuda"
    return state_of(found, lists) if lists else "skipped"
