"""Writes down what a program of Python does, for whoever puts this folder on PYTHONPATH.

One JSON line each in the file that WITNESS_LOG names: a folder listed, a statement given to
SQLite, and how many seconds a reading process worked on a file. In the file that BATCH_LOG names:
the paths of each batch that clipfind is about to encode.
"""

import json
import os
import sys


def _append(name: str, what: object) -> None:
    """Write a line with one call, so that lines of several processes and kills stay whole."""
    log = os.open(os.environ[name], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(log, (json.dumps(what) + "\n").encode())
    os.close(log)


def _see_batches(event: str, arguments: tuple) -> None:
    if event == "clipfind.encode":
        _append("BATCH_LOG", [os.fsdecode(path) for path in arguments[0]])


def _witness() -> None:
    import signal
    import sqlite3
    import time

    set_timer, started = signal.setitimer, []

    def see(event: str, arguments: tuple) -> None:
        if event == "os.scandir":
            folder = "." if arguments[0] is None else os.fspath(arguments[0])
            _append("WITNESS_LOG", ["folder", os.fsdecode(folder)])

    class Traced(sqlite3.Connection):
        def __init__(self, *arguments: object, **options: object) -> None:
            super().__init__(*arguments, **options)
            self.set_trace_callback(lambda text: _append("WITNESS_LOG", ["statement", text]))

    def limit_file(which: int, seconds: float, interval: float = 0.0) -> tuple[float, float]:
        if which == signal.ITIMER_PROF and seconds:
            _append("WITNESS_LOG", ["begun", os.getpid()])
            started[:] = [time.monotonic()]
        elif which == signal.ITIMER_PROF and started:
            _append("WITNESS_LOG", ["seconds", time.monotonic() - started.pop()])
        return set_timer(which, seconds, interval)

    sys.addaudithook(see)
    sqlite3.Connection = Traced  # which the store's own class inherits from
    # A reading process sets its time limit so before it decodes a file, and takes it back after.
    signal.setitimer = limit_file


if "BATCH_LOG" in os.environ:
    sys.addaudithook(_see_batches)
if "WITNESS_LOG" in os.environ:
    _witness()
