"""`clipfind duplicates`: groups, what is proposed, and the script that moves copies away."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
from pathlib import Path

import pytest
from described import as_described
from planted_copies import LONG_AGO, save, scene, write_burst
from processes import ODD_NAMES, run, run_on_terminal

from rclip_like.cli.duplicates import _write_script
from rclip_like.output.stream import OutputError, Talk

LOOSE = ("--threshold", "0.5")
"""The tiny model tells nothing of what pictures show: all pairs are looked at."""


@pytest.fixture
def album(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with copies: two equal files, a small one, and two other pictures."""
    album = tmp_path / "album"
    save(scene(1), album / "first.jpg")
    shutil.copy(album / "first.jpg", album / "zwei.jpg")
    os.utime(album / "zwei.jpg", (LONG_AGO + 9, LONG_AGO + 9))
    save(scene(2), album / "large.jpg")
    save(scene(2).resize((160, 120)), album / "small.png")
    save(scene(3), album / "other.jpg")
    monkeypatch.chdir(tmp_path)
    return album


def lines_of(*words: str | Path) -> list[list[str]]:
    finished = run("duplicates", *LOOSE, *words)
    assert finished.returncode == 0, finished.stderr.decode()
    return [line.split("\t") for line in os.fsdecode(finished.stdout).splitlines()]


def objects_of(*words: str | Path) -> list[dict[str, object]]:
    finished = run("duplicates", *LOOSE, "--json", *words)
    return [as_described(line, "duplicates") for line in finished.stdout.splitlines()]


def test_a_pipe_gets_group_role_and_path(album: Path) -> None:
    lines = lines_of("album")
    assert lines[:2] == [
        ["1", "keep, oldest", "album/first.jpg"],
        ["1", "copy, equal", "album/zwei.jpg"],
    ]
    assert lines[2] == ["2", "keep, largest", "album/large.jpg"]
    assert (lines[3][0], lines[3][1][:5], lines[3][2]) == ("2", "copy ", "album/small.png")
    assert len(lines) == 4


def test_paths_alone_are_those_of_the_copies(album: Path) -> None:
    finished = run("duplicates", *LOOSE, "album", "-f0")
    assert finished.stdout == b"album/zwei.jpg\0album/small.png\0"


def test_json_has_one_documented_object_a_group(album: Path) -> None:
    write_burst(album)
    equal, near, burst = objects_of("album")
    assert equal["keep"]["reason"] == "oldest"  # type: ignore[index]
    assert [each["how"] for each in near["copies"]] == ["near"]  # type: ignore[attr-defined]
    assert [each["path"] for each in burst["pictures"]] == [  # type: ignore[attr-defined]
        "album/shot0.jpg",
        "album/shot1.jpg",
    ]


def test_shots_of_a_burst_are_never_proposed(tiny: Path, tmp_path: Path) -> None:
    write_burst(tmp_path / "album")
    finished = run("duplicates", *LOOSE, tmp_path / "album", "--script", tmp_path / "move.sh")
    assert finished.returncode == 1
    assert [line.split(b"\t")[1] for line in finished.stdout.splitlines()] == [b"burst", b"burst"]
    assert b"shot" not in (tmp_path / "move.sh").read_bytes()


def test_without_copies_the_status_is_1_and_equal_files_alone_need_no_pixels(album: Path) -> None:
    (album / "zwei.jpg").unlink()
    finished = run("duplicates", "album", "--threshold", "1")
    assert (finished.returncode, finished.stdout) == (1, b"")


def test_pictures_in_a_reference_are_kept_and_not_compared_with_each_other(
    album: Path, tmp_path: Path
) -> None:
    reference = tmp_path / "kept"
    save(scene(2).resize((80, 60)), reference / "tiny.png")
    save(scene(5), reference / "one.jpg")
    shutil.copy(reference / "one.jpg", reference / "two.jpg")
    lines = lines_of("album", "--reference", "kept")
    assert [line[1:] for line in lines[2:3]] == [["keep, reference", "kept/tiny.png"]]
    assert {line[2] for line in lines[3:]} == {"album/large.jpg", "album/small.png"}
    assert not any("one.jpg" in line[2] for line in lines)


def test_a_folder_that_is_its_own_reference_is_said_to_be_compared_with_nothing(
    album: Path,
) -> None:
    said = b"nothing was compared: all these pictures are in a reference folder"
    for paths in (["album"], ["album/first.jpg", "album/zwei.jpg"]):
        finished = run("duplicates", *LOOSE, *paths, "--reference", "album")
        assert (finished.returncode, finished.stdout) == (1, b"")
        assert said in finished.stderr
    (album / "kept").mkdir()
    assert said not in run("duplicates", *LOOSE, "album", "--reference", "album/kept").stderr


def test_the_script_moves_the_copies_and_overwrites_nothing(album: Path, tmp_path: Path) -> None:
    names = [*ODD_NAMES, b"zwei.JPG", b"-n.jpg", b"$(touch broken).jpg", b"sub/zwei.jpg"]
    for name in names:
        target = os.path.join(os.fsencode(album), name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy(os.fsencode(album / "first.jpg"), target)
        os.utime(target, (LONG_AGO + 5, LONG_AGO + 5))
    before = {each.read_bytes() for each in album.rglob("*") if each.is_file()}
    finished = run("duplicates", *LOOSE, "album", "--script", "move.sh")
    assert finished.returncode == 0, finished.stderr.decode()
    number = len(names) + 2
    for _ in range(2):  # nothing has moved yet; then the script does, once
        assert sum(each.is_file() for each in album.rglob("*")) == number + 3
        subprocess.run(["sh", "move.sh"], check=False, capture_output=True)
    moved = subprocess.run(["sh", "move.sh", "-away"], capture_output=True, timeout=60)
    assert (moved.returncode, moved.stderr) == (0, b"")
    away = tmp_path / "-away"
    assert len(os.listdir(away)) == number
    assert {each.name for each in album.rglob("*") if each.is_file()} == {
        "first.jpg",
        "large.jpg",
        "other.jpg",
    }
    after = {each.read_bytes() for each in (*album.rglob("*"), *away.iterdir()) if each.is_file()}
    assert after == before
    assert not (tmp_path / "broken").exists()
    again = subprocess.run(["sh", "move.sh", "-away"], capture_output=True, timeout=60)
    assert again.returncode == 2  # a folder that is there


@pytest.mark.parametrize("name", ["-", "away", "way\n"])
def test_the_script_moves_into_no_other_folder_than_the_named_one(
    album: Path, tmp_path: Path, name: str
) -> None:
    """`cd -` goes to the folder before, and `cd away` goes to one of CDPATH."""
    assert run("duplicates", *LOOSE, "album", "--script", "move.sh").returncode == 0
    (tmp_path / "others" / name).mkdir(parents=True)
    (tmp_path / "before").mkdir()
    environment = {**os.environ, "CDPATH": f"{tmp_path}/others", "OLDPWD": f"{tmp_path}/before"}
    subprocess.run(["sh", "move.sh", name], check=True, env=environment, timeout=60)
    assert sorted(os.listdir(tmp_path / name)) == ["small.png", "zwei.jpg"]


def test_a_script_that_does_not_fit_on_the_disk_is_not_left_in_part(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (512, before[1]))
    try:
        with pytest.raises(OutputError, match=r"move\.sh cannot be written: File too large"):
            _write_script([], tmp_path / "move.sh", Talk())
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not (tmp_path / "move.sh").exists()


def test_the_note_on_a_script_can_be_typed_as_it_stands(album: Path) -> None:
    finished = run("duplicates", *LOOSE, "album", "--script", "-my move.sh")
    assert b"sh './-my move.sh' FOLDER" in finished.stderr


def test_the_script_leaves_what_has_changed_since(album: Path, tmp_path: Path) -> None:
    assert run("duplicates", *LOOSE, "album", "--script", "move.sh").returncode == 0
    (album / "zwei.jpg").write_bytes(b"x" * (album / "zwei.jpg").stat().st_size)
    (album / "large.jpg").unlink()
    moved = subprocess.run(["sh", "move.sh", "away"], capture_output=True, timeout=60)
    assert moved.returncode == 1
    assert b"not equal any more" in moved.stderr
    assert b"picture to keep is gone" in moved.stderr
    assert not (tmp_path / "away").exists()


def test_the_script_says_of_copies_that_were_moved_before_that_they_are_gone(album: Path) -> None:
    assert run("duplicates", *LOOSE, "album", "--script", "move.sh").returncode == 0
    subprocess.run(["sh", "move.sh", "away"], check=True, capture_output=True, timeout=60)
    again = subprocess.run(["sh", "move.sh", "again"], capture_output=True, timeout=60)
    assert again.returncode == 1
    assert again.stderr.count(b"not moved, as it is gone or changed: ") == 2
    assert b"not equal" not in again.stderr
    assert not os.path.exists("again")


def test_the_script_and_the_sheet_replace_no_other_file(album: Path, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    for option in ("--script", "--html"):
        finished = run("duplicates", "album", option, "mine")
        assert finished.returncode == 2
        assert b"mine exists" in finished.stderr
    assert (tmp_path / "mine").read_text() == "mine"


def test_the_sheet_shows_the_groups(album: Path, tmp_path: Path) -> None:
    write_burst(album)
    finished = run("duplicates", *LOOSE, "album", "--html", "sheet.html")
    assert (finished.returncode, finished.stdout) == (0, b"")
    page = (tmp_path / "sheet.html").read_text("utf-8")
    for text in ("1: copies", "3: burst", "The first is kept: oldest.", "copy, equal", "shot1.jpg"):
        assert text in page


def test_a_terminal_shows_groups_apart_and_says_what_there_is(album: Path) -> None:
    shown = run_on_terminal("duplicates", *LOOSE, "album", streams=("stdout",))
    assert "   1  keep, oldest" in shown.text
    assert "   2  keep, largest" in shown.text
    finished = run("duplicates", *LOOSE, "album")
    assert b"2 copies of 2 pictures" in finished.stderr


def test_an_indexed_album_is_compared_without_updating_it(album: Path) -> None:
    assert run("index", "album").returncode == 0
    save(scene(3).resize((200, 150)), album / "new.png")
    assert {line[2] for line in lines_of("album", "-n")} & {"album/new.png"} == set()
    assert run("duplicates", "-f", *LOOSE, "--all").stdout.count(b"\n") == 2
