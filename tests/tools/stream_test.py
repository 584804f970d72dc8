#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs that are fed by producers in other processes: stream_test.py WEFT_COMMAND

If numpy cannot be imported (by this Python or $WEFT_PYTHON), the exit code is 77, which skips the
test.
"""

import json
import os
import pathlib
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from weft_package import ROOT, np, weft

COMMAND = sys.argv.pop() if len(sys.argv) > 1 else None
SECONDS = 60  # for anything that is waited for
DIGITS = "stored: {type: digits, train_size: 60, test_size: 20}, validation_split: 0.2"

# x says which producer made it and which of its records it is.
PRODUCER = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np
import weft
address, name, which, count = sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5])
with weft.stream.Producer(address, name=name, window=4) as producer:
    while count == 0 or producer.acknowledged < count:
        number = producer._last + 1
        if count and number > count:
            break
        x = np.random.default_rng(number).integers(0, 256, (28, 28, 1))
        x[0, :4, 0] = which, number & 255, number >> 8, 0
        going = producer.send(x=x, y=number % 10)
        print(producer.acknowledged, flush=True)
        if not going:
            break
print(producer.acknowledged)
"""


def journal_of(run):
    """[(producer, number, x, y)] of a run, in the order of arrival, by the format alone."""
    folder = pathlib.Path(run) / "stream"
    names = [line.split(" ", 1)[1] for line in (folder / "producers.txt").read_text().splitlines()
             if line.startswith("producer ")]
    records = []
    for path in sorted(folder.glob("records-*.bin"), key=lambda p: int(p.stem.split("-")[1])):
        data = path.read_bytes()
        magic, size, first = struct.unpack_from("<8sqq", data)
        assert magic == b"weftrec1" and first == len(records), path
        for at in range(24, len(data), 16 + size):
            _, producer, number = struct.unpack_from("<IIQ", data, at)
            x = np.frombuffer(data, "u1", 28 * 28, at + 16)
            records.append((names[producer], number, x, struct.unpack_from("<q", data, at + 16 + 784)[0]))
    return records


@unittest.skipUnless(COMMAND, "no command given")
class Streams(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.address = "unix:" + self.path("records.sock")
        self.started = []

    def tearDown(self):
        for process in self.started:
            if process.poll() is None:
                process.kill()
            process.wait()
            for pipe in filter(None, (process.stdout, process.stderr)):
                pipe.close()
        self.folder.cleanup()

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def config(self, data=DIGITS, steps=40, batch=8, address=None):
        path = self.path("a.yaml")
        pathlib.Path(path).write_text(
            f"data: {{type: stream, address: '{address or self.address}', {data}, epoch_steps: 10}}\n"
            "model: {type: mlp, hidden: [8]}\n"
            f"train: {{max_steps: {steps}, batch_size: {batch}}}\n"
            "checkpoint: {every: 5ba}\n")
        return path

    def train(self, *keys, config=None, run="run"):
        process = subprocess.Popen([COMMAND, "train", config or self.config(),
                                    "run.dir=" + self.path(run), *keys], text=True,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.started.append(process)
        return process

    def producer(self, which, count=0, name=None):
        process = subprocess.Popen([sys.executable, "-c", PRODUCER, str(ROOT / "python"), self.address,
                                    name or f"producer-{which}", str(which), str(count)],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.started.append(process)
        return process

    def outcome(self, process, code):
        output, _ = process.communicate(timeout=SECONDS)
        self.assertEqual(process.returncode, code, output)
        return output

    def acknowledged(self, process):
        """What the producer heard last, after it has ended."""
        output, _ = process.communicate(timeout=SECONDS)
        return max([0, *map(int, output.split())])

    def wait_for(self, condition):
        begin = time.monotonic()
        while not condition():
            self.assertLess(time.monotonic() - begin, SECONDS)
            time.sleep(0.02)

    def records(self, run="run"):
        files = pathlib.Path(self.path(run)).glob("stream/records-*.bin")
        return sum((path.stat().st_size - 24) // (16 + 792) for path in files)

    def stream_state(self, run="run"):
        text = pathlib.Path(self.path(run), "checkpoints/last/trainer_state.json").read_text()
        found = []

        def walk(value):
            if isinstance(value, dict):
                if "consumed" in value:
                    found.append(value)
                for inner in value.values():
                    walk(inner)
        walk(json.loads(text))
        return found[0]

    def check_nothing_lost(self, acknowledged, run="run"):
        numbers = {}
        for name, number, x, y in journal_of(self.path(run)):
            self.assertEqual((f"producer-{x[0]}", int(x[1]) + 256 * int(x[2])), (name, number))
            self.assertEqual(y, number % 10)
            numbers.setdefault(name, []).append(number)
        for name, last in acknowledged.items():
            kept = numbers.get(name, [])
            self.assertEqual(kept, list(range(1, len(kept) + 1)), name)  # each once, in order
            self.assertGreaterEqual(len(kept), last, name)

    def test_two_producers_one_of_them_killed(self):
        run = self.train(config=self.config(DIGITS + ", stored_share: 0.5, capacity: 8", steps=120))
        second = self.producer(2)
        before = 0
        while before == 0:  # until one of its records is acknowledged
            before = int(second.stdout.readline())
        # Stopped meanwhile, so that the run does not end before the first has begun.
        second.send_signal(signal.SIGSTOP)
        first = self.producer(1)
        first.stdout.readline()
        second.send_signal(signal.SIGKILL)
        output = self.outcome(run, 0)
        self.assertIn("480 trained on", output)  # half of 120 batches of 8
        heard = {"producer-1": self.acknowledged(first), "producer-2": max(before, self.acknowledged(second))}
        self.assertGreater(min(heard.values()), 0)
        self.assertEqual(first.returncode, 0)  # it was told that the run is over
        self.check_nothing_lost(heard)
        state = self.stream_state()
        self.assertEqual(state["consumed"], 480)
        self.assertGreaterEqual(len(journal_of(self.path("run"))), 480)
        self.assertFalse(os.path.exists(self.path("records.sock")))
        for split, code, part in [("test", 0, "20 samples"), ("train", 2, "came in a stream")]:
            done = subprocess.run([COMMAND, "evaluate", self.path("run"), "--split", split], text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            self.assertEqual(done.returncode, code, done.stdout)
            self.assertIn(part, done.stdout)

    def test_a_killed_run_goes_on_with_the_same_records(self):
        config = self.config(DIGITS + ", stored_share: 0.25, capacity: 16")
        run = self.train("resume=auto", config=config)
        first, second = self.producer(1), self.producer(2)
        self.wait_for(lambda: self.records() > 60)
        run.kill()
        run.communicate()
        resumed = self.train("resume=auto", config=config)
        self.assertIn("240 trained on", self.outcome(resumed, 0))
        self.check_nothing_lost({"producer-1": self.acknowledged(first),
                                 "producer-2": self.acknowledged(second)})
        # The journal has all records of this short run. A run that begins again reads them in the
        # same order, and its bytes are those of the run that was killed.
        shutil.copytree(self.path("run"), self.path("again"), symlinks=True)
        shutil.rmtree(self.path("again/checkpoints"))
        self.outcome(self.train("resume=auto", config=config, run="again"), 0)
        weights = [pathlib.Path(self.path(name), "checkpoints/last/model.safetensors").read_bytes()
                   for name in ("run", "again")]
        self.assertEqual(weights[0], weights[1])

    def test_a_journal_without_the_names_of_its_producers(self):
        config = self.config(DIGITS + ", capacity: 16", steps=150)
        run = self.train("resume=auto", config=config)
        producer = self.producer(1)
        self.wait_for(lambda: self.records() > 60)
        run.kill()
        run.communicate()
        names = pathlib.Path(self.path("run"), "stream/producers.txt")
        text = names.read_text()
        for damaged in ("", "produ"):
            names.write_text(damaged)
            before = self.records()
            output = self.outcome(self.train("resume=auto", config=config), 2)
            self.assertIn("names no producer", output)
            self.assertEqual((names.read_text(), self.records()), (damaged, before))
        names.write_text(text)
        self.outcome(self.train("resume=auto", config=config), 0)
        self.check_nothing_lost({"producer-1": self.acknowledged(producer)})

    def test_a_stop_while_waiting_and_a_resume(self):
        run = self.train("resume=auto")
        with weft.stream.Producer(self.address, name="one") as producer:
            mode = os.stat(self.path("records.sock")).st_mode
            self.assertEqual(stat.S_IMODE(mode), 0o600)
            for number in range(30):
                producer.send(x=np.full((28, 28, 1), number), y=number % 10)
            producer.flush()
            time.sleep(0.3)  # now it waits
            run.send_signal(signal.SIGINT)
            self.outcome(run, 130)
            run = self.train("resume=auto")
            for number in range(30, 200):
                if not producer.send(x=np.full((28, 28, 1), number), y=number % 10):
                    break
            self.outcome(run, 0)
        values = [int(x[0]) for _, _, x, _ in journal_of(self.path("run"))]
        self.assertEqual(values, list(range(len(values))))  # each record once

    def test_the_end_mark(self):
        data = "sample: [28, 28, 1], sample_dtype: uint8, classes: 10, normalize: none, producers: 2"
        run = self.train(config=self.config(data, steps=1000))
        first, second = self.producer(1, count=43), self.producer(2, count=20)
        output = self.outcome(run, 0)
        self.assertIn("the stream has ended", output)
        self.assertIn("63 records received, 0 refused, 0 replaced, 63 trained on", output)
        self.assertEqual([self.acknowledged(first), self.acknowledged(second)], [43, 20])
        output = self.outcome(self.train("resume=auto", config=self.config(data, steps=1000)), 0)
        self.assertIn("that run has ended", output)

    def test_producers_that_die_give_the_run_up(self):
        data = DIGITS + ", timeout: 5"  # a producer needs seconds to start on a busy machine
        run = self.train(config=self.config(data, steps=1000))
        producer = self.producer(1)
        self.wait_for(lambda: self.records() > 40)
        producer.kill()
        output = self.outcome(run, 3)
        self.assertIn("no record has come for 5 s, and 0 producers are connected", output)
        self.assertGreater(self.stream_state()["consumed"], 0)
        run = self.train("resume=auto", config=self.config(data, steps=1000))
        self.producer(1)
        self.outcome(run, 0)
        self.assertEqual(self.stream_state()["consumed"], 4000)

    def test_refused_records(self):
        run = self.train()
        with weft.stream.Producer(self.address, name="one") as producer:
            x = np.zeros((28, 28, 1), int)
            with self.assertRaisesRegex(weft.stream.Refused, "label of sample 1 is 10"):
                producer.send(x=x, y=10)
                producer.flush()
            for bad, y, part in [(x[0], 1, "x has the shape"), (x, 1.5, "integers are required"),
                                 (x, "1", "real numbers are required"),
                                 (x, None, "real numbers are required"),
                                 ([[1], [1, 2]], 1, "x is "),
                                 (x + 300, 1, r"from 300 to 300; values from 0 to 255 \(U8\) are required")]:
                with self.assertRaisesRegex(ValueError, part):
                    producer.send(x=bad, y=y)
            for number in range(200):
                if not producer.send(x=x, y=number % 10):
                    break
        output = self.outcome(run, 0)
        self.assertIn(" 1 refused", output)
        self.assertIn("the first one because: record 1 of the producer 'one': stream (train): the "
                      "label of sample 1 is 10", output)

    def test_a_refused_record_ends_the_block_with_an_end_mark(self):
        data = "sample: [2], target: [1], normalize: none, timeout: 20"
        for waits in (True, False):  # for the answer, within the block
            run = self.train(config=self.config(data), run=f"run-{waits}")
            with self.assertRaisesRegex(weft.stream.Refused, "finite values are required"):
                with weft.stream.Producer(self.address) as producer:
                    for number in range(5):
                        producer.send(x=[number, 0], y=[1])
                    producer.send(x=[np.nan, 0], y=[1])
                    if waits:
                        producer.flush()
            self.assertIn("the stream has ended", self.outcome(run, 0))

    def test_after_a_refused_record_the_next_call_goes_on(self):
        run = self.train(config=self.config("sample: [2], target: [1], normalize: none, timeout: 20"))
        refused = 0
        with weft.stream.Producer(self.address, window=1) as producer:
            for x in [[0, 1], [np.inf, 1], [2, 1]]:
                try:
                    producer.send(x=x, y=[0])
                except weft.stream.Refused:
                    refused += 1
            for bad in [[1e300, 0], [1j, 0], ["1", "2"], [None, 0], np.zeros(2, "datetime64[s]")]:
                with self.assertRaisesRegex(ValueError, r"^x (is |has values from .* \(F32\) are required)"):
                    producer.send(x=bad, y=[0])
        self.assertEqual(refused, 1)
        self.assertIn("2 trained on", self.outcome(run, 0))

    def test_a_block_that_another_error_leaves_sends_no_end_mark(self):
        run = self.train(config=self.config("sample: [2], target: [1], normalize: none, timeout: 1"))
        with self.assertRaises(KeyError):
            with weft.stream.Producer(self.address) as producer:
                producer.send(x=[0, 0], y=[1])
                raise KeyError
        self.assertIn("no record has come for 1 s", self.outcome(run, 3))

    def test_a_producer_that_is_refused_sends_no_end_mark(self):
        run = self.train(config=self.config("sample: [2], target: [1], normalize: none, timeout: 20"))
        with self.assertRaisesRegex(weft.stream.Refused, "under the same name"):
            with weft.stream.Producer(self.address, name="a") as first:
                second = weft.stream.Producer(self.address, name="a")
                second.send(x=[0, 0], y=[1])
                second.flush()
                first.flush()
        with second:
            self.assertTrue(second.send(x=[0, 1], y=[1]))
            self.assertTrue(second.flush())
        self.assertIn("2 trained on", self.outcome(run, 0))

    def listener(self):
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.addCleanup(listening.close)
        listening.bind(self.path("other.sock"))
        listening.listen()
        return listening, "unix:" + self.path("other.sock")

    def test_a_run_that_does_not_answer_the_greeting(self):
        _, address = self.listener()  # as a run that is stopped, or has 64 connections
        begin = time.monotonic()
        with self.assertRaisesRegex(weft.stream.Lost, "has not answered for 0.2 s"):
            weft.stream.Producer(address, wait=0.2)
        self.assertLess(time.monotonic() - begin, SECONDS)

    def test_a_server_that_is_no_run(self):
        listening, address = self.listener()
        shapes = {"x": {"dtype": "F32", "shape": [2]}, "y": {"dtype": "F64", "shape": [1]}}
        greetings = [b"no JSON", b"[1]", b"{}", b'{"x": 1, "y": 2}', b"[" * 60000, b"\xff",
                     json.dumps(shapes).encode()]
        for answer in [b"HTTP/1.1 400 Bad Request\r\n\r\n", struct.pack("<4sIQ", b"HTTP", 0, 0),
                       struct.pack("<4sIQ", b"ACKN", 0, 1 << 63),
                       *(struct.pack("<4sIQ", b"WELC", len(g), 0) + g for g in greetings)]:
            def serve(answer=answer):
                connection, _ = listening.accept()
                with connection:
                    connection.sendall(answer)
                    connection.recv(1 << 16)
            server = threading.Thread(target=serve)
            server.start()
            with self.assertRaisesRegex(weft.stream.Refused, "a run of weft is required", msg=answer[:40]):
                weft.stream.Producer(address, wait=0)
            server.join()

    def test_addresses_that_are_none(self):
        for address in ["tcp:0.0.0.0:7000", "tcp:127.0.0.1:99999", "tcp:127.0.0.1:0", "unix:",
                        "unix:/" + "a" * 107, "unix:a\0b", "a.sock"]:
            with self.assertRaisesRegex(ValueError, "^the address is '.*is required", msg=address):
                weft.stream.Producer(address)

    def test_arguments_that_are_none(self):
        for arguments, part in [({"address": 7}, "^the address is 7; unix:PATH or "),
                                ({"name": "a/b"}, "^the name is 'a/b'; 1 to 64 letters"),
                                ({"name": 7}, "^the name is 7; 1 to 64 letters"),
                                ({"window": 0}, "^the window is 0; an integer of at least 1 is"),
                                ({"window": 1.5}, "^the window is 1.5; an integer of"),
                                ({"wait": "9"}, "^wait is '9'; seconds from 0 to "),
                                ({"wait": -1}, "^wait is -1; seconds from 0 to "),
                                ({"wait": float("nan")}, "^wait is nan; seconds")]:
            with self.assertRaisesRegex(ValueError, part, msg=arguments):
                weft.stream.Producer(**{"address": self.address, "wait": 0, **arguments})

    def test_a_producer_that_has_lost_its_run_says_so_again(self):
        run = self.train()
        producer = weft.stream.Producer(self.address, wait=20)
        producer._wait = 0
        run.kill()
        run.communicate()
        for _ in range(2):
            with self.assertRaisesRegex(weft.stream.Lost, "(Connection refused|No such file)"):
                producer.send(x=np.zeros((28, 28, 1), int), y=1)

    def test_addresses(self):
        run = self.train()
        self.wait_for(lambda: os.path.exists(self.path("records.sock")))
        time.sleep(0.2)
        output = self.outcome(self.train(run="other"), 2)
        self.assertIn("another process listens at " + self.address, output)
        self.assertFalse(os.path.exists(self.path("other")))  # nothing was begun
        run.kill()
        run.communicate()
        self.assertTrue(os.path.exists(self.path("records.sock")))
        run = self.train(run="third")  # the socket that a killed run has left is removed
        self.producer(1)
        self.outcome(run, 0)
        pathlib.Path(self.path("records.sock")).write_text("mine")
        self.assertIn("is a file and no socket", self.outcome(self.train(run="fourth"), 2))
        self.assertEqual(pathlib.Path(self.path("records.sock")).read_text(), "mine")

    def test_tcp(self):
        self.address = "tcp:127.0.0.1:%d" % (20000 + os.getpid() % 20000)
        run = self.train(config=self.config(address=self.address))
        self.producer(1)
        self.outcome(run, 0)
        with self.assertRaisesRegex(weft.stream.Lost, "no run takes records"):
            weft.stream.Producer(self.address, wait=0)


if __name__ == "__main__":
    unittest.main()
