"""Text that others wrote: UTF-8 or UTF-16 with its mark, and nothing guessed."""

from __future__ import annotations

import os
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_BE, BOM_UTF32_LE
from pathlib import Path

import pytest
from planted import plant, walked

from rclip_like.encodings import decoded
from rclip_like.settings import WalkSettings
from rclip_like.values import Trouble
from rclip_like.walk import resolve_roots, walk

TEXT = "Müller/猫.jpg\r\n"


@pytest.mark.parametrize(
    "content",
    [
        TEXT.encode(),
        BOM_UTF8 + TEXT.encode(),
        BOM_UTF16_LE + TEXT.encode("utf-16-le"),
        BOM_UTF16_BE + TEXT.encode("utf-16-be"),
    ],
)
def test_text_is_read_with_or_without_its_mark(content: bytes) -> None:
    assert decoded(content) == decoded(content, keep_bytes=True) == TEXT


@pytest.mark.parametrize(
    "content",
    [
        BOM_UTF16_LE + b"a",
        BOM_UTF16_LE + b"a\0\0\xd8",
        BOM_UTF32_LE + "a".encode("utf-32-le"),
        BOM_UTF32_BE + "a".encode("utf-32-be"),
    ],
)
def test_what_its_mark_does_not_keep_is_refused(content: bytes) -> None:
    with pytest.raises(UnicodeError):
        decoded(content)


def test_other_bytes_are_refused_or_kept() -> None:
    with pytest.raises(UnicodeError):
        decoded("Müller".encode("cp1252"))
    kept = decoded(b"M\xfcller", keep_bytes=True)
    assert os.fsencode(kept) == b"M\xfcller"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_ignore_files_may_be_written_on_windows(encoding: str, tmp_path: Path) -> None:
    plant(tmp_path, "Müller/a.jpg", "b.jpg")
    (tmp_path / ".ignore").write_bytes("\r\nMüller/\r\n".encode(encoding))
    assert walked(tmp_path) == ["b.jpg"]


@pytest.mark.parametrize(
    "content", [BOM_UTF16_LE + b"a", "b.jpg".encode("utf-16-le"), "b.jpg".encode("utf-32")]
)
def test_an_ignore_file_that_is_no_text_is_told(content: bytes, tmp_path: Path) -> None:
    plant(tmp_path, "b.jpg")
    (tmp_path / ".ignore").write_bytes(content)
    assert walked(tmp_path) == ["b.jpg"]
    [trouble] = [
        found
        for found in walk(resolve_roots([os.fsencode(tmp_path)]), WalkSettings())
        if isinstance(found, Trouble)
    ]
    assert os.path.basename(trouble.path) == b".ignore"
    assert "UTF-8" in trouble.reason
