"""A folder that cannot be read is not a folder that is empty."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from bound_by_rights import needs_rights, run_without_override
from small_index import LONG_AGO, SmallIndex, make_pictures, settle

from rclip_like.index import bring_up_to_date
from rclip_like.settings import IndexSettings
from rclip_like.values import IndexReport, Root
from rclip_like.walk.missing import is_folder_gone, is_gone, nearest_folder


@pytest.fixture
def index(tmp_path: Path, tiny_model: Path):
    make_pictures(tmp_path / "album" / "sub", 3)
    index = SmallIndex(tmp_path / "index.db", tiny_model)
    index.update(tmp_path / "album")
    yield index
    index.store.close()


def mount_elsewhere(index: SmallIndex, device: int = 4242) -> None:
    """Let the rows say that their files lay on another device than they do."""
    with index.store.connection as connection:
        connection.execute("UPDATE files SET device = ?", (device,))
        connection.execute("UPDATE roots SET device = ?", (device,))


def update_without_checking_the_root(index: SmallIndex, folder: Path) -> IndexReport:
    root = Root(os.fsencode(folder), os.fsencode(folder))
    return bring_up_to_date(index.store, [root], index.model, IndexSettings())


def test_a_missing_file_in_its_folder_is_gone(tmp_path: Path) -> None:
    device = tmp_path.stat().st_dev
    root = os.fsencode(tmp_path)
    assert is_gone(root + b"/no.jpg", device, root)
    assert is_gone(root + b"/no/such/folder/no.jpg", device, root)


def test_a_file_that_is_there_is_not_gone(tmp_path: Path) -> None:
    (tmp_path / "1.jpg").touch()
    assert not is_gone(
        os.fsencode(tmp_path / "1.jpg"), tmp_path.stat().st_dev, os.fsencode(tmp_path)
    )


def test_a_missing_file_from_another_device_is_not_gone(tmp_path: Path) -> None:
    root = os.fsencode(tmp_path)
    assert not is_gone(root + b"/no.jpg", tmp_path.stat().st_dev + 1, root)


def test_nothing_below_a_missing_root_is_gone(tmp_path: Path) -> None:
    root = os.fsencode(tmp_path / "missing")
    assert not is_gone(root + b"/no.jpg", tmp_path.stat().st_dev, root)


def test_without_a_limit_what_lay_in_a_missing_root_is_gone(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path / "missing" / "no.jpg")
    assert is_gone(path, tmp_path.stat().st_dev, b"")
    assert not is_gone(path, tmp_path.stat().st_dev + 1, b"")


def test_a_missing_folder_is_gone_where_the_one_above_is_on_its_device(tmp_path: Path) -> None:
    device = tmp_path.stat().st_dev
    assert is_folder_gone(os.fsencode(tmp_path / "a" / "b"), device)
    assert not is_folder_gone(os.fsencode(tmp_path / "a"), device + 1)
    assert not is_folder_gone(os.fsencode(tmp_path), device)


def test_the_nearest_folder_is_the_lowest_that_is_there(tmp_path: Path) -> None:
    place = os.fsencode(tmp_path)
    assert nearest_folder(place + b"/a/b/c.jpg") == place
    assert nearest_folder(b"/") == b"/"


def test_a_folder_in_place_of_the_file_means_gone(tmp_path: Path) -> None:
    (tmp_path / "1.jpg").mkdir()
    assert is_gone(os.fsencode(tmp_path / "1.jpg"), tmp_path.stat().st_dev, os.fsencode(tmp_path))


def test_a_pipe_in_place_of_the_file_means_gone(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "1.jpg")
    path = os.fsencode(tmp_path / "1.jpg")
    assert is_gone(path, tmp_path.stat().st_dev, os.fsencode(tmp_path))


def test_a_link_in_place_of_the_file_proves_nothing(tmp_path: Path) -> None:
    """It may be what a walk that follows links has read."""
    (tmp_path / "1.jpg").symlink_to("elsewhere.jpg")
    path = os.fsencode(tmp_path / "1.jpg")
    assert not is_gone(path, tmp_path.stat().st_dev, os.fsencode(tmp_path))


def test_a_file_in_place_of_a_folder_above_means_gone(tmp_path: Path) -> None:
    (tmp_path / "sub").touch()
    path = os.fsencode(tmp_path / "sub" / "1.jpg")
    # What stands above is no folder any more, but it lies on the same device.
    assert is_gone(path, tmp_path.stat().st_dev, os.fsencode(tmp_path))


def test_a_missing_root_keeps_its_rows(index: SmallIndex, tmp_path: Path) -> None:
    (tmp_path / "album").rename(tmp_path / "elsewhere")
    report = update_without_checking_the_root(index, tmp_path / "album")
    assert (report.removed, len(index.names())) == (0, 3)
    assert [trouble.path for trouble in report.troubles] == [os.fsencode(tmp_path / "album")]


def test_an_empty_root_on_another_device_keeps_its_rows(index: SmallIndex, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "album" / "sub")
    mount_elsewhere(index)
    report = index.update(tmp_path / "album")
    assert (report.removed, len(index.names())) == (0, 3)
    assert ["mounted" in trouble.reason for trouble in report.troubles] == [True]


def test_an_emptied_root_on_the_same_device_loses_its_rows(
    index: SmallIndex, tmp_path: Path
) -> None:
    shutil.rmtree(tmp_path / "album" / "sub")
    report = index.update(tmp_path / "album")
    assert (report.removed, report.troubles) == (3, ())


def test_a_folder_mounted_anew_under_another_number_is_known_again(
    index: SmallIndex, tmp_path: Path
) -> None:
    mount_elsewhere(index)
    assert index.update(tmp_path / "album").unchanged == 3
    (tmp_path / "album" / "sub" / "0001.jpg").unlink()
    assert index.update(tmp_path / "album").removed == 1


def test_a_mount_gone_from_inside_the_root_keeps_its_rows(
    index: SmallIndex, tmp_path: Path
) -> None:
    make_pictures(tmp_path / "album" / "other", 1)
    index.update(tmp_path / "album")
    below = os.fsencode(tmp_path / "album" / "sub")
    question = "UPDATE files SET device = 4242 WHERE path > ?"
    assert index.store.connection.execute(question, (below,)).rowcount == 3
    shutil.rmtree(tmp_path / "album" / "sub")
    (tmp_path / "album" / "sub").mkdir()
    assert index.update(tmp_path / "album").removed == 0
    assert len(index.names()) == 4


UPDATE = """
import sys
from pathlib import Path
from small_index import SmallIndex
index = SmallIndex(Path(sys.argv[1]), Path(sys.argv[2]))
report = index.update_without_encoder(Path(sys.argv[3]))
print(report.removed, report.failed, *(trouble.path.decode() for trouble in report.troubles))
index.store.close()
"""


@needs_rights
@pytest.mark.parametrize("name", ["sub", "sub/0001.jpg"])
def test_what_may_not_be_read_keeps_its_rows(
    index: SmallIndex, tmp_path: Path, tiny_model: Path, name: str
) -> None:
    unreadable = tmp_path / "album" / name
    settle(unreadable, LONG_AGO + 1)
    unreadable.chmod(0)
    told = run_without_override(UPDATE, index.store.path, tiny_model, tmp_path / "album")
    unreadable.chmod(0o700)
    assert told.split() == ["0", "0", str(unreadable)]
    assert index.names() == ["0000.jpg", "0001.jpg", "0002.jpg"]
    assert index.store.status().failures == {}
