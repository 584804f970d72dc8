# SPDX-License-Identifier: Apache-2.0
"""Trains under Ray Train, without PyTorch.

    from ray.train import RunConfig, ScalingConfig
    from ray.train.v2.api.data_parallel_trainer import DataParallelTrainer
    import weft.ray

    trainer = DataParallelTrainer(weft.ray.train_func("configs/mnist_cnn.yaml"),
                                  scaling_config=ScalingConfig(num_workers=4))
    trainer.fit().metrics["test/accuracy"]

Each worker starts `weft train` as a rank of one job. docs/distributed.md has more.
"""
from __future__ import annotations

import datetime
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from typing import Any, Callable, Iterable, Mapping, Union

from weft import _check, _follow
from weft._command import Command as _Command

Path = Union[str, "os.PathLike[str]"]

_POLL = 0.2          # seconds
_JOIN = 120          # seconds for all workers to meet
_LINES = 20          # of standard error in an exception
_FAMILIES = ("OMPI_COMM_WORLD_", "PMI_", "PMIX_", "TORCHELASTIC_", "SLURM_STEP_")


class Failed(RuntimeError):
    """`weft train` has ended with an exit code other than 0: `code`. The text has the end of its
    standard error."""

    def __init__(self, rank: int, code: int, lines: list[str]) -> None:
        super().__init__(f"rank {rank}: weft train ended with exit code {code}\n" + "".join(lines))
        self.rank, self.code, self.lines = rank, code, lines

    def __reduce__(self) -> tuple[type[Failed], tuple[int, int, list[str]]]:
        return Failed, (self.rank, self.code, self.lines)


class _Board:
    """The actor by which the workers meet. Rank 0 says there where it listens, and what to report.

    After a restart of the workers the board of those before may still be there. Each worker has a
    name of its own, which takes the place of its rank once, and only the rank 0 that made a board
    opens it.
    """

    def __init__(self) -> None:
        self._names: dict[int, str] = {}
        self._start: dict[str, Any] | None = None
        self._reports: list[dict[str, Any]] = []
        self._ended = False

    def join(self, rank: int, name: str) -> dict[str, Any] | None | bool:
        """What rank 0 has said, None while it waits for others. False: an old board."""
        if self._names.setdefault(rank, name) != name:
            return False
        return self._start

    def leave(self, rank: int) -> None:
        self._names.pop(rank)

    def joined(self) -> int:
        return len(self._names)

    def open(self, start: dict[str, Any]) -> None:
        self._start = start

    def report(self, metrics: dict[str, Any]) -> None:
        self._reports.append(metrics)

    def end(self) -> None:
        self._ended = True

    def next(self, number: int) -> tuple[list[dict[str, Any]], bool]:
        """(reports from `number` on, whether these are all)."""
        return self._reports[number:], self._ended


def train_func(config: Path | dict[str, Any], overrides: Iterable[str] = (), *,
               run_dir: Path | None = None, program: str = "weft",
               grace: float = 20) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """The function for `DataParallelTrainer(train_loop_per_worker=…)` that trains by a config.

    config: the path of a config that all machines have, or a dict of the same keys.
    overrides: texts as on the command line, such as "train.epochs=3". `train_loop_config` of the
        trainer is a dict of further ones: {"optimizer.lr": 0.01}.
    run_dir: the run folder. Without it, it is `run.dir` of overrides or config, or
        runs/CONFIG/DATE-TIME-ID. Rank 0 alone writes there; to resume, workers on other machines
        must see it too. Relative paths start where this function is called, if the workers have
        that folder.
    program: the command `weft` of the workers.
    grace: the seconds that a command may take to save a checkpoint after it was asked to stop.

    `resume=auto` is set if no override says `resume`: workers that Ray starts again go on with the
    run. After each epoch, all workers report rank 0's metrics, with a checkpoint if there is a new
    one. If the run ends with a test, one more report has the metrics of the last epoch and of the
    test, with the newest checkpoint. A command that fails raises `Failed`.
    """
    overrides = _check.overrides_of(list(overrides))
    if isinstance(config, dict):
        name = "ray"
    else:
        config, name = os.path.abspath(config), pathlib.Path(config).stem
    here, job = os.getcwd(), uuid.uuid4().hex
    now = datetime.datetime.now().strftime("%Y-%m-%d-%H%M%S")
    default_dir = os.path.join(here, "runs", name, f"{now}-{job[:4]}")
    if run_dir is not None:
        overrides.append(f"run.dir={os.path.abspath(run_dir)}")

    def train(loop_config: dict[str, Any]) -> dict[str, Any]:
        worker = _Worker(config, overrides + [_override(*item) for item in loop_config.items()],
                         program=program, grace=grace, here=here, job=job, default_dir=default_dir)
        return worker.train()

    return train


def _override(key: str, value: Any) -> str:
    """key=value with a value that the command line reads as this one."""
    return f"{key}={_check.text_of(value)}"


def _environment(start: Mapping[str, Any], rank: int, size: int, local_rank: int,
                 local_size: int) -> dict[str, str]:
    """The environment of a rank, without what a launcher of Ray itself may have left there."""
    variables = {name: value for name, value in os.environ.items()
                 if not name.startswith(_FAMILIES)}
    # Where Ray shows each worker its own GPUs alone, LOCAL_RANK is no index into them.
    devices = [part for part in variables.get("CUDA_VISIBLE_DEVICES", "").split(",") if part]
    if 0 < len(devices) < local_size:
        variables["CUDA_VISIBLE_DEVICES"] = devices[0]
    return variables | {"RANK": str(rank), "WORLD_SIZE": str(size), "LOCAL_RANK": str(local_rank),
                        "LOCAL_WORLD_SIZE": str(local_size), "MASTER_ADDR": start["address"],
                        "MASTER_PORT": str(start["port"]), "WEFT_DIST_TOKEN": start["token"]}


def _free_port(address: str) -> int:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


class _Worker:
    def __init__(self, config: Path | dict[str, Any], overrides: list[str], *, program: str,
                 grace: float, here: str, job: str, default_dir: str) -> None:
        import ray.train
        self._ray: Any = ray
        self._context = ray.train.get_context()
        self._rank, self._size = self._context.get_world_rank(), self._context.get_world_size()
        self._config: Any = config
        self._overrides = overrides
        self._program, self._grace, self._default_dir = program, grace, default_dir
        self._folder = here if os.path.isdir(here) else os.getcwd()
        self._board_name = f"weft-{job}-{self._context.get_experiment_name()}"
        self._name = uuid.uuid4().hex
        self._board: Any = None
        self._command: _Command | None = None
        self._scratch = ""
        self._reported = 0       # calls of ray.train.report
        self._reported_step = -1   # of the newest checkpoint among them
        self._last: dict[str, Any] = {}

    def train(self) -> dict[str, Any]:
        with tempfile.TemporaryDirectory(prefix="weft-ray-") as scratch:
            self._scratch = scratch
            if isinstance(self._config, dict):
                path = os.path.join(scratch, "config.yaml")  # YAML reads JSON
                pathlib.Path(path).write_text(json.dumps(self._config), encoding="utf-8")
                self._config = path
            try:
                start = self._meet()
                events = _follow.Events(os.path.join(start["run_dir"], "metrics.jsonl"))
                self._command = command = self._start(start)
                if self._rank == 0:
                    self._lead(command, events, start["checkpoint_dir"])
                else:
                    self._follow(command)
                return self._last
            finally:
                if self._command is not None:
                    self._command.stop()

    # ---- how the workers meet

    def _meet(self) -> dict[str, Any]:
        """{"address", "port", "token", "run_dir", "checkpoint_dir"} of rank 0."""
        return self._call_together() if self._rank == 0 else self._join()

    def _call_together(self) -> dict[str, Any]:
        ray = self._ray
        places = self._places()
        try:
            ray.kill(ray.get_actor(self._board_name))  # of workers that Ray has restarted
        except ValueError:
            pass
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy
        node = ray.get_runtime_context().get_node_id()
        deadline = time.monotonic() + _JOIN
        while True:
            try:
                self._board = ray.remote(_Board).options(
                    name=self._board_name, num_cpus=0,
                    scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False),
                ).remote()
                break
            except ValueError:  # the name is not free yet
                if time.monotonic() > deadline:
                    raise
                time.sleep(_POLL)
        ray.get(self._board.join.remote(0, self._name))
        while ray.get(self._board.joined.remote()) < self._size:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the other workers have not come for {_JOIN} s")
            time.sleep(_POLL)
        address = ray.util.get_node_ip_address()
        start = {"address": address, "port": _free_port(address), "token": self._name, **places}
        ray.get(self._board.open.remote(start))
        return start

    def _join(self) -> dict[str, Any]:
        ray, deadline = self._ray, time.monotonic() + _JOIN
        while time.monotonic() < deadline:
            try:
                board = ray.get_actor(self._board_name)
                start: dict[str, Any] | None = ray.get(board.join.remote(self._rank, self._name))
                if start:
                    self._board = board
                    return start
            except (ValueError, ray.exceptions.RayActorError):  # none yet, or an old one
                pass
            time.sleep(_POLL)
        raise TimeoutError(f"rank {self._rank}: rank 0 has not come for {_JOIN} s")

    def _places(self) -> dict[str, str]:
        """The folders of the run, by the resolved config."""
        import yaml  # which Ray needs, too
        done = subprocess.run([self._program, "config", self._config, *self._overrides],
                              cwd=self._folder, text=True, capture_output=True)
        if done.returncode:
            raise Failed(self._rank, done.returncode, done.stderr.splitlines(keepends=True)[-_LINES:])
        resolved = yaml.safe_load(done.stdout)
        run = os.path.join(self._folder, resolved["run"]["dir"] or self._default_dir)
        checkpoints = (resolved.get("checkpoint") or {}).get("dir")
        return {"run_dir": run, "checkpoint_dir": os.path.join(self._folder, checkpoints)
                if checkpoints else os.path.join(run, "checkpoints")}

    # ---- the command and its reports

    def _start(self, start: dict[str, Any]) -> _Command:
        overrides = [text for text in self._overrides if not text.startswith("run.dir=")]
        overrides.append(f"run.dir={start['run_dir']}")
        if not any(text.startswith("resume=") for text in overrides):
            overrides.append("resume=auto")
        environment = _environment(start, self._rank, self._size, self._context.get_local_rank(),
                                   self._context.get_local_world_size())
        return _Command([self._program, "train", self._config, *overrides],
                        grace=self._grace, environment=environment, folder=self._folder)

    def _check(self, command: _Command) -> bool:
        """Whether the command has ended."""
        code = command.code()
        if code:
            raise Failed(self._rank, code, command.lines())
        return code is not None

    def _lead(self, command: _Command, events: _follow.Events, checkpoints: str) -> None:
        """Follows the run folder. An epoch is reported with its checkpoint, which is complete a
        little later than the line of the epoch; the next line or the end of the command says that
        there is none."""
        waiting: dict[str, Any] | None = None
        self._reported_step = _follow.newest_checkpoint(checkpoints)[0]  # those of an earlier start
        while True:
            ended = self._check(command)
            for event in events.new():
                if waiting:
                    self._report(waiting, checkpoints)
                if event["event"] == "test":
                    event = event | self._last
                waiting = event
            is_test = waiting is not None and waiting["event"] == "test"
            if waiting and not is_test and _follow.newest_checkpoint(checkpoints)[0] >= waiting["step"]:
                self._report(waiting, checkpoints)
                waiting = None
            if ended:
                if waiting:
                    self._report(waiting, checkpoints, again=is_test)
                self._close()
                return
            time.sleep(_POLL)

    def _close(self) -> None:
        """Waits for the others, because the board goes with this worker. Ray ends all workers if
        one of them fails."""
        self._ray.get(self._board.end.remote())
        while self._ray.get(self._board.joined.remote()) > 1:
            time.sleep(_POLL)

    def _report(self, event: dict[str, Any], checkpoints: str, again: bool = False) -> None:
        metrics = {key: value for key, value in event.items() if key not in ("schema", "event")}
        self._ray.get(self._board.report.remote(metrics))
        # One of a later step belongs to a later report.
        step, path = _follow.newest_checkpoint(checkpoints, at_most=event["step"])
        copy = os.path.join(self._scratch, "checkpoint")
        found = path is not None and (again or step > self._reported_step) and \
            _follow.copy_of_checkpoint(path, copy)
        self._report_to_ray(metrics, self._ray.train.Checkpoint.from_directory(copy) if found else None)
        if found:
            self._reported_step = step
            shutil.rmtree(copy, ignore_errors=True)

    def _report_to_ray(self, metrics: dict[str, Any], checkpoint: Any = None) -> None:
        self._reported += 1
        self._last = metrics
        self._ray.train.report(dict(metrics), checkpoint=checkpoint)

    def _follow(self, command: _Command) -> None:
        """Reports as often as rank 0 does."""
        all_known = ended = False
        while not (all_known and ended):
            ended = self._check(command)
            try:
                reports, all_known = self._ray.get(self._board.next.remote(self._reported))
            except self._ray.exceptions.RayActorError as gone:
                raise RuntimeError(f"rank {self._rank}: the worker of rank 0 is gone\n"
                                   + "".join(command.lines())) from gone
            for metrics in reports:
                self._report_to_ray(metrics)
            time.sleep(_POLL)
        self._ray.get(self._board.leave.remote(self._rank))
