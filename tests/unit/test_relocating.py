"""Moving the paths below a folder: which rows change, and that the matrix holds for them."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from index_states import ranked_both_ways
from small_index import fill

from rclip_like.store import Store
from rclip_like.store.matrix import stamp
from rclip_like.store.schema import PATH_TABLES
from rclip_like.store.writing import Writer


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setattr(stamp, "FEWEST_ROWS", 0)
    with Store.open(tmp_path / "index.db", create=True) as store:
        yield store


def test_every_table_with_paths_is_among_those_that_follow_a_folder(store: Store) -> None:
    question = (
        "SELECT tables.name FROM sqlite_master AS tables, pragma_table_info(tables.name) AS columns"
        " WHERE tables.type = 'table' AND columns.name = 'path'"
    )
    assert {name for (name,) in store.connection.execute(question)} == set(PATH_TABLES)


def move(store: Store, old: bytes, new: bytes) -> None:
    with store.writing(wait=False):
        store.relocation(old, new).move()


def paths(store: Store) -> list[bytes]:
    return [path for (path,) in store.connection.execute("SELECT path FROM files ORDER BY path")]


def matrix_names(store: Store) -> tuple[str, str]:
    question = "SELECT rows_name, order_name FROM matrices"
    names: tuple[str, str] = store.connection.execute(question).fetchone()
    return names


@pytest.mark.parametrize(
    ("old", "new", "before", "after"),
    [
        (b"/a", b"/b", [b"/a/1", b"/a/c/2"], [b"/b/1", b"/b/c/2"]),
        (b"/a", b"/b", [b"/a/1", b"/ab/1", b"/a.jpg"], [b"/a.jpg", b"/ab/1", b"/b/1"]),
        (b"/a", b"/a/b", [b"/a/1", b"/a/b/2"], [b"/a/b/1", b"/a/b/b/2"]),
        (b"/a/b", b"/a", [b"/a/b/1", b"/a/b/b/1"], [b"/a/1", b"/a/b/1"]),
        (b"/a", b"/", [b"/a/1"], [b"/1"]),
        (b"/", b"/a", [b"/1"], [b"/a/1"]),
        (b"/a\xff", b"/b", [b"/a\xff/1", b"/c"], [b"/b/1", b"/c"]),
        (b"/a", b"/\xfe\n'", [b"/a/1", b"/a/\xff"], [b"/\xfe\n'/1", b"/\xfe\n'/\xff"]),
    ],
)
def test_paths_below_the_folder_change_byte_by_byte(
    store: Store, old: bytes, new: bytes, before: list[bytes], after: list[bytes]
) -> None:
    fill(store, before)
    digests = store.connection.execute(
        "SELECT digest FROM files JOIN contents USING (content_id) ORDER BY file_id"
    ).fetchall()
    move(store, old, new)
    assert paths(store) == after
    assert (
        digests
        == store.connection.execute(
            "SELECT digest FROM files JOIN contents USING (content_id) ORDER BY file_id"
        ).fetchall()
    )
    for path, readable in store.connection.execute("SELECT path, readable FROM files"):
        spelt = os.fsdecode(path).encode("utf-8", "backslashreplace").decode()
        assert readable == (None if spelt.encode() == path else spelt)


@pytest.mark.parametrize("new", [b"/m/z", b"/a/b", b"/z", b"/m"])
def test_the_matrix_stays_and_its_order_is_right(store: Store, new: bytes) -> None:
    model_id = fill(store, [b"/m/a/%d" % number for number in range(40)])
    fill(store, [b"/%s/%d" % (name, number) for name in (b"b", b"n") for number in range(9)])
    with store.writing(wait=False) as writer:
        assert writer.extend_matrix(model_id)
    rows_name, _ = matrix_names(store)
    move(store, b"/m/a", new)
    assert matrix_names(store)[0] == rows_name
    is_trusted, by_search, by_rows = ranked_both_ways(store)
    assert is_trusted
    assert by_search == by_rows
    assert len(stamp.files_of(store.path)) <= 3  # the order before is kept for late readers
    with store.writing(wait=False):
        assert Writer(store).extend_matrix(model_id) is None


def test_pages_of_rows_are_all_moved(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from rclip_like.store import relocating

    monkeypatch.setattr(relocating, "_PAGE", 3)
    fill(store, [b"/a/%02d" % number for number in range(20)])
    move(store, b"/a", b"/b")
    assert paths(store) == [b"/b/%02d" % number for number in range(20)]


def test_roots_failures_sidecars_and_folders_follow(store: Store) -> None:
    fill(store, [b"/a/trip/1"])
    with store.writing(wait=False) as writer:
        writer.put_roots({b"/a": 7, b"/a/trip": 7, b"/c": 8}, {}, walked_at_ns=5)
        writer.words.put_sidecars({b"/a/trip/1.xmp": (1, 2, "caption", "")})
        store.connection.execute(
            "INSERT INTO failures (path, size_bytes, mtime_ns, device, inode, read_at_ns,"
            " reader_versions, reason) VALUES (?, 1, 1, 1, 1, 1, '', '')",
            (b"/a/trip/bad",),
        )
        while writer.words.index_some():
            pass
    relocation = store.relocation(b"/a", b"/disk/b")
    assert tuple(relocation.count()) == (1, 1, 2, 1, 0)
    move(store, b"/a", b"/disk/b")
    assert [root.path for root in store.walked_roots()] == [b"/c", b"/disk/b", b"/disk/b/trip"]
    for table, names in (
        ("failures", [b"/disk/b/trip/bad"]),
        ("sidecars", [b"/disk/b/trip/1.xmp"]),
        ("folders", [b"/disk", b"/disk/b", b"/disk/b/trip"]),
    ):
        rows = store.connection.execute(f"SELECT path FROM {table} ORDER BY path")
        assert [path for (path,) in rows] == names
    assert tuple(store.relocation(b"/a", b"/b").count()) == (0, 0, 0, 0, 0)


def test_what_was_walked_from_above_is_a_walked_folder_at_its_new_path(store: Store) -> None:
    fill(store, [b"/a/b/1", b"/a/2"])
    with store.writing(wait=False) as writer:
        writer.put_roots({b"/a": 7}, {}, walked_at_ns=5)
    move(store, b"/a/b", b"/a/c")  # still below /a
    assert [root.path for root in store.walked_roots()] == [b"/a"]
    move(store, b"/a/c", b"/z")
    assert [root.path for root in store.walked_roots()] == [b"/a", b"/z"]


def test_saved_searches_name_the_new_folder(store: Store) -> None:
    words = ["cat", "/a/trip", "--copy-to=/a", "/ab", "/a", "--after", "2019"]
    store.saved.put("cats", words)
    digest = b"d" * 32
    found = store.saved.find("cats")
    assert found is not None
    store.saved.add_seen(found, [digest])
    fill(store, [b"/a/1"])
    move(store, b"/a", b"/b")
    found = store.saved.find("cats")
    assert found is not None
    assert found.arguments == ("cat", "/b/trip", "--copy-to=/b", "/ab", "/b", "--after", "2019")
    assert not store.saved.unseen("cats", [digest])


def test_files_in_the_way_are_counted_without_those_that_move(store: Store) -> None:
    fill(store, [b"/a/1", b"/a/b/2", b"/c/3"])
    assert store.relocation(b"/a", b"/c").count_in_the_way() == 1
    assert store.relocation(b"/a", b"/a/b").count_in_the_way() == 0
    assert store.relocation(b"/a/b", b"/a").count_in_the_way() == 1
    assert store.relocation(b"/a", b"/d").count_in_the_way() == 0


def test_an_interrupted_move_leaves_the_old_paths(store: Store) -> None:
    fill(store, [b"/a/1", b"/a/2", b"/b/2"])
    with pytest.raises(Exception, match="UNIQUE"):
        move(store, b"/a", b"/b")
    assert paths(store) == [b"/a/1", b"/a/2", b"/b/2"]
    with closing(sqlite3.connect(store.path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
