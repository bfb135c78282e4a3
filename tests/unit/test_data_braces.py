"""Patterns in braces, against bash itself."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from drawn_pairs import draw_picture, write_shard

from rclip_like.data.braces import expand_braces, has_braces
from rclip_like.data.sets import open_set
from rclip_like.errors import DataError

PATTERNS = ("a-{000..012}.tar", "{7..10}", "{10..7}", "{08..11}", "{a,b}-{1..3}", "x{train,}.tar")


@pytest.mark.skipif(shutil.which("bash") is None, reason="compares with bash")
@pytest.mark.parametrize("pattern", PATTERNS)
def test_patterns_stand_for_what_bash_makes_of_them(pattern: str) -> None:
    assert has_braces(pattern)
    bash = subprocess.run(["bash", "-c", f"echo {pattern}"], capture_output=True, check=True)
    assert expand_braces(pattern) == bash.stdout.decode().split()


@pytest.mark.parametrize("name", ["a.tar", "{a}.tar", "{}", "a}{b", "{a..b}", "{-1..3}"])
def test_other_braces_belong_to_a_name(name: str) -> None:
    assert not has_braces(name)


@pytest.mark.timeout(5)
@pytest.mark.parametrize(
    "pattern",
    ["{0..999999999}", "{0..999}" * 9, "{a,b}" * 40, "{0..9999999999}", "{{a,b},c}"],
)
def test_a_pattern_for_endless_names_is_refused_at_once(pattern: str) -> None:
    if has_braces(pattern):
        with pytest.raises(DataError, match=r"more than 100,000 names|braces within braces"):
            expand_braces(pattern)


def test_shards_that_a_pattern_names_and_that_are_missing_are_an_error(tmp_path: Path) -> None:
    write_shard(tmp_path / "0.tar", {"a.png": draw_picture(0), "a.txt": b"x"})
    with pytest.raises(DataError, match=r"3 shards, of which 2 are missing; the first is 1\.tar"):
        open_set(tmp_path / "{0..2}.tar")


def test_a_file_with_braces_in_its_name_is_itself(tmp_path: Path) -> None:
    write_shard(tmp_path / "{0,1}.tar", {"a.png": draw_picture(0), "a.txt": b"x"})
    assert open_set(tmp_path / "{0,1}.tar").total == 1
