"""A PATH or picture whose name the disk writes with other bytes for the same letters."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from processes import run, write_pictures

COMPOSED = "M\u00fcller"
DECOMPOSED = "Mu\u0308ller"


def test_a_hint_tells_of_the_other_form_and_the_output_has_the_bytes_of_the_disk(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pictures(tmp_path, (os.fsencode(f"{DECOMPOSED}/a.png"), b"b.png"))
    monkeypatch.chdir(tmp_path)
    shown = os.fsencode(f"{DECOMPOSED}/a.png\n")
    hint = f"{COMPOSED}: its name is written in another form on the disk".encode()
    finished = run("search", "blue", COMPOSED, "-f")
    assert (finished.returncode, finished.stdout) == (0, shown)
    assert hint in finished.stderr
    (tmp_path / "list").write_text(f"{COMPOSED}/a.png\n")
    finished = run("search", "blue", "--files-from", "list", "-f", "-q")
    assert (finished.returncode, finished.stdout, finished.stderr) == (0, shown, b"")
    finished = run("index", COMPOSED)
    assert finished.returncode == 0
    assert hint in finished.stderr
    finished = run(f"{COMPOSED}/a.png", ".", "-f")
    assert (finished.returncode, finished.stdout) == (0, b"./b.png\n")
    assert f"{COMPOSED}/a.png: its name is written in another form".encode() in finished.stderr
