"""Writes down what a program of Python does, for whoever puts this folder on PYTHONPATH.

One JSON line each in the file that WITNESS_LOG names: a folder listed, a statement given to
SQLite, and how many seconds a reading process worked on a file.
"""

import json
import os
import signal
import sqlite3
import sys
import time

_log = os.open(os.environ["WITNESS_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
_set_timer = signal.setitimer
_connect = sqlite3.connect
_started: list[float] = []


def _write(kind: str, what: object) -> None:
    os.write(_log, (json.dumps([kind, what]) + "\n").encode())


def _see(event: str, arguments: tuple) -> None:
    if event == "os.scandir":
        place = "." if arguments[0] is None else os.fspath(arguments[0])
        _write("folder", os.fsdecode(place))


def _traced(*arguments: object, **options: object) -> sqlite3.Connection:
    connection = _connect(*arguments, **options)
    connection.set_trace_callback(lambda statement: _write("statement", statement))
    return connection


def _limit_file(which: int, seconds: float, interval: float = 0.0) -> tuple[float, float]:
    if which == signal.ITIMER_PROF and seconds:
        _write("begun", os.getpid())
        _started[:] = [time.monotonic()]
    elif which == signal.ITIMER_PROF and _started:
        _write("seconds", time.monotonic() - _started.pop())
    return _set_timer(which, seconds, interval)


sys.addaudithook(_see)
sqlite3.connect = _traced
# A reading process sets its time limit so before it decodes a file, and takes it back after.
signal.setitimer = _limit_file
