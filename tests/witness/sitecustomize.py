"""Writes down what a program of Python does, for whoever puts this folder on PYTHONPATH.

One JSON line each in the file that WITNESS_LOG names: a folder listed, a statement given to
SQLite, and how many seconds a reading process worked on a file.
"""

import faulthandler
import json
import os
import sqlite3
import sys
import time

_log = os.open(os.environ["WITNESS_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
_limit, _cancel = faulthandler.dump_traceback_later, faulthandler.cancel_dump_traceback_later
_connect = sqlite3.connect
_started = [0.0]


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


def _begin_file(*arguments: object, **options: object) -> None:
    _write("begun", os.getpid())
    _started[0] = time.monotonic()
    _limit(*arguments, **options)


def _end_file() -> None:
    _cancel()
    _write("seconds", time.monotonic() - _started[0])


sys.addaudithook(_see)
sqlite3.connect = _traced
# A reading process sets its time limit so before each file and takes it back after.
faulthandler.dump_traceback_later = _begin_file
faulthandler.cancel_dump_traceback_later = _end_file
