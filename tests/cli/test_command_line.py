"""The command line that stands for what the page shows: run by a shell, it finds the same."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from rclip_like.cli.command_line import command_line, quoted
from rclip_like.page.service import Asked
from rclip_like.query import Kind, Term


def words(text: str, weight: float = 1.0, typed: str | None = None) -> Term:
    return Term(weight, Kind.TEXT, text, typed or text)


def asked(
    *terms: Term, roots: tuple[bytes, ...] | None = (b"/album",), hidden: bool = False
) -> Asked:
    return Asked(terms, roots, hidden, 20)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (asked(words("red car")), "clipfind search --top 20 'red car' /album"),
        (asked(words("cat"), roots=None), "clipfind search --top 20 --all cat"),
        (
            asked(words("cat", 2, "2:cat"), words("dog"), words("snow", -0.5, "0.5:snow")),
            "clipfind search --top 20 --add dog --subtract 0.5:snow 2:cat /album",
        ),
        (asked(words("cat"), hidden=True), "clipfind search --top 20 --all-hidden cat /album"),
        (asked(words("/etc")), "clipfind search --top 20 --text /etc /album"),
        (asked(words("-rf")), "clipfind search --top 20 -- -rf /album"),
        (asked(words("a"), words("-b")), "clipfind search --top 20 --add=-b a /album"),
        (asked(words("snow", -1)), ""),
        (asked(Term(1, Kind.PIXELS, "0", "0")), ""),
    ],
)
def test_a_search_is_put_as_typed(wanted: Asked, expected: str) -> None:
    assert command_line(wanted, {}) == expected


def test_what_was_typed_for_the_page_is_kept_where_it_is_about_searching() -> None:
    given = {
        "[PATH]...": ["/album"],
        "--port": "0",
        "--no-open": True,
        "--no-index": True,
        "--model": "./my model",
        "--exclude": ["*.png", "b"],
    }
    expected = "clipfind search --no-index --model './my model' --exclude '*.png' --exclude b"
    assert command_line(asked(words("cat")), given) == f"{expected} --top 20 cat /album"


@pytest.mark.parametrize(
    "name",
    [b"plain", b"it's", b"$(touch x)`y`", b"new\nline", b"not-utf8-\xff'\\", b"\x1b[31m", b""],
)
def test_a_shell_gives_the_bytes_back(name: bytes) -> None:
    text = quoted(os.fsdecode(name))
    assert text.isprintable()
    printed = subprocess.run(["bash", "-c", f"printf %s {text}"], capture_output=True, check=True)
    assert printed.stdout == name


def test_the_command_finds_what_the_page_shows(
    pictures: Path, database: Path, tiny_model: Path
) -> None:
    given = {"--db": str(database), "--model": str(tiny_model), "--no-index": True}
    line = command_line(asked(words("red"), roots=(os.fsencode(pictures),)), given)
    _, *arguments = shlex.split(line)
    finished = subprocess.run(
        [sys.executable, "-m", "rclip_like", *arguments, "--files"], capture_output=True, text=True
    )
    assert finished.returncode == 0, finished.stderr
    assert len(finished.stdout.splitlines()) == 3
