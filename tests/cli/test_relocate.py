"""`clipfind relocate`: what it follows, what it refuses, and that nothing is encoded again."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from processes import run, write_pictures

from rclip_like.store import Store


@pytest.fixture
def album(tiny: Path, database: Path, tmp_path: Path) -> Path:
    """Return an indexed folder of three pictures."""
    folder = write_pictures(tmp_path / "album")
    finished = run("index", folder)
    assert finished.returncode == 0, finished.stderr
    return folder


def found(folder: Path) -> list[str]:
    finished = run("search", "cat", folder, "--no-index", "-f", "-t", "0")
    return sorted(finished.stdout.decode().splitlines())


def test_a_moved_folder_is_found_at_its_new_path_before_and_after_an_index_run(
    album: Path,
) -> None:
    before = found(album)
    new = album.rename(album.with_name("elsewhere"))
    finished = run("relocate", album, new)
    assert (finished.returncode, finished.stdout) == (0, b"")
    assert f"relocated from {album} to {new}: 3 files, 1 walked folder".encode() in finished.stderr
    assert found(new) == [line.replace(str(album), str(new)) for line in before]
    indexed = run("index", "--all", "-v")
    assert indexed.returncode == 0, indexed.stderr
    assert b"3 unchanged" in indexed.stderr


def test_a_copy_is_read_once_and_nothing_is_encoded(album: Path) -> None:
    new = album.with_name("copy")
    shutil.copytree(album, new)
    shutil.rmtree(album)
    assert run("relocate", album, new).returncode == 0
    indexed = run("index", new)
    assert indexed.returncode == 0, indexed.stderr
    assert b"0 encoded, 3 known by content" in indexed.stderr
    assert len(found(new)) == 3
    assert b"3 unchanged" in run("index", new).stderr


def test_a_dry_run_says_how_many_and_changes_nothing(album: Path) -> None:
    new = album.rename(album.with_name("elsewhere"))
    finished = run("relocate", "--dry-run", "--json", album, new)
    described = json.loads(finished.stdout)
    assert described["new"] == {"path": str(new)}
    assert (described["files"], described["roots"], described["is_dry_run"]) == (3, 1, True)
    assert b"would be relocated" in finished.stderr
    assert run("relocate", album, new).returncode == 0
    assert run("relocate", album, new).returncode == 1


def test_a_copy_beside_the_original_is_refused_unless_said(album: Path) -> None:
    new = album.with_name("copy")
    shutil.copytree(album, new)
    refused = run("relocate", album, new)
    assert refused.returncode == 2
    assert b"still there as well" in refused.stderr
    assert b"--force" in refused.stderr
    assert run("relocate", "--force", album, new).returncode == 0


def test_a_folder_without_the_pictures_is_refused_unless_said(album: Path) -> None:
    new = album.with_name("never")
    refused = run("relocate", album, new)
    assert refused.returncode == 2
    assert b"none of the first 3 pictures is there" in refused.stderr
    assert run("relocate", "--force", album, new).returncode == 0
    assert run("relocate", new, album).returncode == 0
    assert len(found(album)) == 3


def test_a_folder_that_is_indexed_already_is_refused(album: Path) -> None:
    new = album.with_name("copy")
    shutil.copytree(album, new)
    shutil.rmtree(album)
    assert run("index", new).returncode == 0
    for force in ([], ["--force"]):
        refused = run("relocate", *force, album, new)
        assert refused.returncode == 2
        assert b"3 files there are indexed already" in refused.stderr
        assert b"clipfind forget" in refused.stderr


def test_nothing_below_and_the_same_folder(album: Path) -> None:
    assert run("relocate", album.parent / "no", album.parent / "nor").returncode == 1
    same = run("relocate", album, os.fsencode(album) + b"/deep/..")
    assert same.returncode == 2
    assert b"are the same folder" in same.stderr


def test_a_link_in_place_of_the_old_folder_leads_to_the_new_one(album: Path) -> None:
    new = album.rename(album.with_name("elsewhere"))
    album.symlink_to(new)
    assert run("relocate", album, new).returncode == 0
    assert len(found(new)) == 3


def test_no_wait_leaves_a_busy_index_to_the_other_run(album: Path, tiny: Path) -> None:
    new = album.rename(album.with_name("elsewhere"))
    with Store.open(tiny, create=False) as store, store.writing(wait=False):
        assert run("relocate", "--no-wait", album, new).returncode == 2
    assert run("relocate", album, new).returncode == 0
