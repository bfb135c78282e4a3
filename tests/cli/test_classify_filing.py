"""What `classify` does with labelled pictures: filed, tagged, taken back, and never lost."""

from __future__ import annotations

import json
import os
import subprocess
from functools import partial
from pathlib import Path

import pytest
from described import as_described
from processes import ODD_NAMES, run, start, write_pictures

described_line = partial(as_described, schema="classify")
LABELS = ("--labels", "cat,dog,bird")


@pytest.fixture
def album(tiny: Path, tmp_path: Path) -> Path:
    """Return a folder of pictures, indexed by the tiny model, with odd names among them."""
    album = write_pictures(tmp_path / "album", (*ODD_NAMES, b"one.png", b"deep/two.jpg"))
    assert run("index", album).returncode == 0
    return album


def files_below(folder: Path) -> dict[bytes, bytes]:
    """Return the pictures below a folder by their names, with their contents."""
    root = os.fsencode(folder)
    found = {}
    for path, _, names in os.walk(root):
        for name in names:
            if not name.endswith((b".jsonl", b".xmp")):
                with open(os.path.join(path, name), "rb") as file:
                    found[os.path.relpath(os.path.join(path, name), root)] = file.read()
    return found


def log_in(folder: Path) -> Path:
    (log,) = folder.glob("*.jsonl")
    return log


def test_moved_pictures_are_not_encoded_again_and_go_back(album: Path, tmp_path: Path) -> None:
    before = files_below(album)
    moved = run("classify", *LABELS, album, "-n", "--move-to", tmp_path / "out", "--json")
    assert moved.returncode == 0, moved.stderr
    rows = [as_described(line, "classify") for line in moved.stdout.splitlines()]
    assert {row["did"] for row in rows} == {"moved"}
    assert files_below(album) == {}
    after = files_below(tmp_path / "out")
    assert sorted(after.values()) == sorted(before.values())
    assert {os.path.dirname(path) for path in after} == {row["label"].encode() for row in rows}
    said = run("index", tmp_path / "out").stderr
    assert b"7 pictures, 0 encoded, 7 known by content" in said
    undo = ("classify", "--undo", log_in(tmp_path / "out"))
    assert b"--undo" in moved.stderr
    assert run(*undo, "--dry-run").returncode == 0
    assert files_below(tmp_path / "out") == after
    assert run(*undo).returncode == 0
    assert (files_below(album), files_below(tmp_path / "out")) == (before, {})
    again = run(*undo)
    assert again.returncode == 1
    assert b"nothing is left to take back" in again.stderr


def test_a_dry_run_prints_the_same_and_changes_nothing(album: Path, tmp_path: Path) -> None:
    words = ("classify", *LABELS, album, "-n", "--copy-to", tmp_path / "out", "--json")
    dry = run(*words, "--dry-run")
    assert not (tmp_path / "out").exists()
    assert b"nothing was changed" in dry.stderr
    done = run(*words)
    assert done.stdout == dry.stdout
    assert sorted(files_below(tmp_path / "out").values()) == sorted(files_below(album).values())


def test_only_pictures_of_one_label_are_filed(album: Path, tmp_path: Path) -> None:
    finished = run("classify", *LABELS, album, "-n", "--json")
    labels = [json.loads(line)["label"] for line in finished.stdout.splitlines()]
    words = ("classify", *LABELS, album, "-n", "--only", labels[0])
    assert run(*words, "--link-to", tmp_path / "out").returncode == 0
    links = files_below(tmp_path / "out")
    assert len(links) == labels.count(labels[0])
    assert all(path.startswith(labels[0].encode() + b"/") for path in links)


def test_a_picture_without_a_label_stays_where_it_is(album: Path, tmp_path: Path) -> None:
    words = ("classify", *LABELS, album, "-n", "--threshold", "1")
    finished = run(*words, "--move-to", tmp_path / "out")
    assert (finished.returncode, finished.stdout) == (1, b"")
    assert len(files_below(album)) == len(ODD_NAMES) + 2
    assert not (tmp_path / "out").exists()


def test_with_multi_a_picture_is_copied_into_each_of_its_labels(
    album: Path, tmp_path: Path
) -> None:
    words = ("classify", *LABELS, album, "-n", "--multi", "--threshold", "0")
    assert run(*words, "--copy-to", tmp_path / "out").returncode == 0
    assert len(files_below(tmp_path / "out")) == 3 * (len(ODD_NAMES) + 2)
    assert run(*words, "--move-to", tmp_path / "out").returncode == 2


def test_labels_become_tags_and_a_second_run_changes_nothing(album: Path) -> None:
    words = ("classify", *LABELS, album / "one.png", "-n", "--sidecars", "digikam", "--json")
    (row,) = map(described_line, run(*words).stdout.splitlines())
    sidecar = Path(row["sidecar"])
    assert (row["did"], row["added"], sidecar.name) == ("written", row["labels"], "one.png.xmp")
    assert f"<rdf:li>{row['labels'][0]}</rdf:li>" in sidecar.read_text()
    before = sidecar.stat()
    (row,) = map(described_line, run(*words).stdout.splitlines())
    assert (row["did"], row["added"]) == ("unchanged", [])
    assert sidecar.stat() == before


def test_tags_go_along_with_a_picture_that_is_moved(album: Path, tmp_path: Path) -> None:
    words = ("classify", *LABELS, album / "one.png", "-n", "--sidecars", "adobe")
    assert run(*words, "--move-to", tmp_path / "out").returncode == 0
    (sidecar,) = (tmp_path / "out").glob("*/one.xmp")
    assert sidecar.with_suffix(".png").exists()


def test_what_cannot_be_filed_is_named_and_the_others_are(album: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    for label in ("cat", "dog", "bird"):
        (tmp_path / "out" / label).write_text("no folder")
    finished = run("classify", *LABELS, album / "one.png", "-n", "--move-to", tmp_path / "out")
    assert finished.returncode == 2
    assert b"one.png" in finished.stderr
    assert b"finished with 1 failure" in finished.stderr
    assert (album / "one.png").exists()


@pytest.mark.parametrize(
    "words",
    [
        ("--dry-run",),
        ("--undo", "log", "--labels", "cat,dog"),
        ("--undo", "log", "here"),
        ("--move-to", "out", "--top", "2"),
        ("--copy-to", "out", "-f"),
        ("--copy-to", "out", "--move-to", "out"),
    ],
)
def test_combinations_without_effect_are_refused(words: tuple[str, ...], tiny: Path) -> None:
    labels = () if "--undo" in words else LABELS
    finished = run("classify", *labels, *words)
    assert finished.returncode == 2
    assert b"no effect" in finished.stderr or b"one label per picture" in finished.stderr


def test_a_log_that_is_not_there_is_an_error(tiny: Path) -> None:
    finished = run("classify", "--undo", "nowhere.jsonl")
    assert finished.returncode == 2
    assert b"nowhere.jsonl" in finished.stderr


def test_labels_that_would_share_a_folder_are_refused_before_anything_is_moved(
    album: Path, tmp_path: Path
) -> None:
    before = files_below(album)
    words = ("--labels", "a/b,a:b", album, "-n", "--move-to", tmp_path / "out")
    finished = run("classify", *words)
    assert (finished.returncode, finished.stdout) == (2, b"")
    assert b"would share the folder 'a_b'" in finished.stderr
    assert files_below(album) == before
    assert not (tmp_path / "out").exists()


def test_what_nobody_reads_on_is_filed_nevertheless(album: Path, tmp_path: Path) -> None:
    words = ("classify", *LABELS, album, "-n", "--move-to", tmp_path / "out")
    started = start(*words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert started.stdout is not None
    started.stdout.close()
    assert started.wait(60) == 0
    assert files_below(album) == {}
    assert len(files_below(tmp_path / "out")) == 7


def test_labels_that_cannot_be_tags_are_refused_before_anything_is_done(
    album: Path, tmp_path: Path
) -> None:
    (tmp_path / "labels.txt").write_text("cat\n\x1b[31mred\n")
    words = ("--labels-file", tmp_path / "labels.txt", "--sidecars", "digikam")
    finished = run("classify", *words, album, "-n")
    assert finished.returncode == 2
    assert b"cannot be a tag" in finished.stderr
    assert not list(album.rglob("*.xmp"))
