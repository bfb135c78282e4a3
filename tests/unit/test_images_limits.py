"""How much memory readers get, and how many pixels it takes."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from rclip_like.errors import Reason
from rclip_like.images import limits
from rclip_like.images.limits import most_pixels, within_memory
from rclip_like.images.support import describe_attempt, hopeless_attempts
from rclip_like.settings import ReadSettings

GIB = 1 << 30


@pytest.fixture(params=[2, 8, 64])
def memory(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Return a machine's memory in bytes."""
    size_bytes: int = request.param * GIB
    monkeypatch.setattr(limits, "memory_bytes", lambda: size_bytes)
    within_memory.cache_clear()
    yield size_bytes
    within_memory.cache_clear()


@pytest.mark.parametrize("workers", [1, 2, 16, 200])
def test_all_readers_together_leave_a_third_of_the_memory(memory: int, workers: int) -> None:
    chosen = within_memory(ReadSettings(workers=workers))
    assert chosen.workers is not None
    assert chosen.max_memory_bytes is not None
    assert 1 <= chosen.workers <= workers
    assert chosen.workers * chosen.max_memory_bytes <= memory * 2 / 3
    assert chosen.max_memory_bytes >= GIB


def test_what_is_told_is_taken_as_it_is(memory: int) -> None:
    told = ReadSettings(max_megapixels=3, max_memory_bytes=5 * GIB, workers=99)
    assert within_memory(told) == told
    assert most_pixels(told) == most_pixels(told, Image.new("F", (1, 1))) == 3_000_000


def test_the_dearer_a_format_the_fewer_its_pixels(memory: int) -> None:
    chosen = within_memory(ReadSettings(workers=1))
    assert chosen.max_memory_bytes is not None
    grey = Image.new("F", (1, 1))
    plain = Image.new("RGBA", (1, 1))
    assert most_pixels(chosen) > most_pixels(chosen, plain) > most_pixels(chosen, grey)
    assert most_pixels(chosen, grey) * 25 < chosen.max_memory_bytes


def test_the_limits_of_control_groups_are_found(tmp_path: Path) -> None:
    (tmp_path / "groups").write_text("9:name=systemd:/\n4:cpu,memory:/a/b\n0::/c\n")
    for place, limit in (
        ("memory/a/b/memory.limit_in_bytes", "700\n"),
        ("memory/a/memory.limit_in_bytes", "600\n"),
        ("c/memory.max", "max\n"),
        ("memory.max", "900\n"),
    ):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(limit)
    found = limits._group_limits(tmp_path / "groups", tmp_path)
    assert sorted(found) == [600, 700, 900]
    assert list(limits._group_limits(tmp_path / "nowhere", tmp_path)) == []


PLAIN = ReadSettings(workers=1)
TIGHT = ReadSettings(workers=1, max_megapixels=1)
ACCEPTING = ReadSettings(workers=1, accept_truncated=True)
TWO_GIB = ReadSettings(workers=1, max_memory_bytes=2 * GIB)
TRUNCATED, PIXELS, MEMORY = Reason.TRUNCATED, Reason.TOO_LARGE, Reason.TOO_MUCH_MEMORY


@pytest.mark.parametrize(
    ("before", "code", "now", "expected"),
    [
        (PLAIN, TRUNCATED, PLAIN, True),
        (PLAIN, TRUNCATED, TIGHT, True),
        (PLAIN, TRUNCATED, ACCEPTING, False),
        (ACCEPTING, TRUNCATED, ACCEPTING, True),
        (ACCEPTING, TRUNCATED, PLAIN, True),
        (TIGHT, PIXELS, TIGHT, True),
        (TIGHT, PIXELS, PLAIN, False),
        (TIGHT, TRUNCATED, PLAIN, True),
        (TWO_GIB, MEMORY, TWO_GIB, True),
        (TWO_GIB, MEMORY, ReadSettings(max_memory_bytes=3 * GIB), False),
        (TWO_GIB, Reason.FILE_TOO_LARGE, ReadSettings(max_memory_bytes=3 * GIB), False),
        (TWO_GIB, TRUNCATED, ReadSettings(max_memory_bytes=3 * GIB), True),
    ],
)
def test_a_failure_is_tried_again_only_where_it_may_end_otherwise(
    before: ReadSettings, code: Reason, now: ReadSettings, expected: bool
) -> None:
    assert (describe_attempt(before, code) in hopeless_attempts(now)) is expected
