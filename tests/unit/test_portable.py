"""An index beside its pictures: where it is looked for, and how it follows them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from index_states import ranked_both_ways
from small_index import fill

from rclip_like.errors import StoreError, UsageError
from rclip_like.settings.beside import database_beside
from rclip_like.store import Store
from rclip_like.store.matrix import stamp

needs_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="gives files to another user"
)


def paths(store: Store) -> list[bytes]:
    return [path for (path,) in store.connection.execute("SELECT path FROM files ORDER BY path")]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with an index beside its pictures, and one picture that lies elsewhere."""
    monkeypatch.setattr(stamp, "FEWEST_ROWS", 0)
    home = tmp_path / "m"
    home.mkdir()
    with Store.open(database_beside(home), create=True) as store:
        model_id = fill(store, [os.fsencode(home / name) for name in ("1", "2", "deep/3")])
        fill(store, [b"/elsewhere/1", os.fsencode(tmp_path / "n/9")])
        with store.writing(wait=False) as writer:
            writer.put_roots({os.fsencode(home): 7}, {}, walked_at_ns=5)
            assert writer.extend_matrix(model_id)
    return home


def test_the_index_beside_a_folder_is_its_own_or_the_nearest_above(tmp_path: Path) -> None:
    (deep := tmp_path / "a/b").mkdir(parents=True)
    assert database_beside(deep) == deep / ".clipfind/index.db"
    (tmp_path / "a/.clipfind").mkdir()
    assert database_beside(deep) == tmp_path / "a/.clipfind/index.db"
    (deep / "picture.jpg").touch()
    assert database_beside(deep / "picture.jpg") == tmp_path / "a/.clipfind/index.db"
    (tmp_path / "link").symlink_to(deep)
    assert database_beside(tmp_path / "link") == tmp_path / "a/.clipfind/index.db"


@needs_root
@pytest.mark.parametrize("name", [".clipfind", ".clipfind/index.db"])
def test_an_index_of_another_user_is_not_used_unless_it_is_named(home: Path, name: str) -> None:
    os.chown(home / name, 1234, 1234)
    with pytest.raises(UsageError, match="belongs to another user, so the index is not used"):
        database_beside(home / "deep")


def test_a_link_in_place_of_the_folder_leads_nowhere(home: Path, tmp_path: Path) -> None:
    (other := tmp_path / "other").mkdir()
    (other / ".clipfind").symlink_to(home / ".clipfind")
    with pytest.raises(UsageError, match="is a link"):
        database_beside(other)


@pytest.mark.parametrize("new", ["n", "a", "m/m"])
def test_an_index_follows_its_folder(home: Path, tmp_path: Path, new: str) -> None:
    if new == "m/m":
        home = home.rename(tmp_path / "x")
        (tmp_path / "m").mkdir()
    moved = home.rename(tmp_path / new)
    with Store.open(moved / ".clipfind/index.db", create=False) as store:
        mine = [os.fsencode(moved / name) for name in ("1", "2", "deep/3")]
        others = [b"/elsewhere/1"]
        if new != "n":  # what was indexed there before makes way
            others.append(os.fsencode(tmp_path / "n/9"))
        assert paths(store) == sorted(mine + others)
        assert [root.path for root in store.walked_roots()] == [os.fsencode(moved)]
        is_trusted, by_search, by_rows = ranked_both_ways(store)
        assert is_trusted
        assert by_search == by_rows
    with Store.open_readonly(moved / ".clipfind/index.db") as store:
        assert store.connection.execute("SELECT * FROM temp.sqlite_master").fetchall() == []


@pytest.mark.parametrize("new", ["n", "a"])
def test_where_it_cannot_be_written_the_paths_are_replaced_in_memory(
    home: Path, tmp_path: Path, new: str
) -> None:
    moved = home.rename(tmp_path / new)
    database = moved / ".clipfind/index.db"
    before = database.read_bytes()
    with Store.open_readonly(database) as store:
        assert os.fsencode(moved / "deep/3") in paths(store)
        assert not [path for path in paths(store) if path.startswith(os.fsencode(home) + b"/")]
        assert [root.path for root in store.walked_roots()] == [os.fsencode(moved)]
        _, by_search, by_rows = ranked_both_ways(store)
        assert by_search == by_rows
        with store.another() as other:
            assert paths(other) == paths(store)
    assert database.read_bytes() == before


def test_a_run_that_indexes_is_not_waited_for(home: Path, tmp_path: Path) -> None:
    from rclip_like.store.lock import IndexLock

    moved = home.rename(tmp_path / "n")
    database = moved / ".clipfind/index.db"
    with IndexLock(database).held(wait=False), Store.open(database, create=False) as store:
        assert os.fsencode(moved / "1") in paths(store)


def test_files_are_as_open_as_the_folder(tmp_path: Path) -> None:
    for mode in (0o700, 0o755, 0o775):
        home = tmp_path / oct(mode)
        home.mkdir()
        home.chmod(mode)
        before = os.umask(0o077)
        try:
            with Store.open(database_beside(home), create=True) as store:
                fill(store, [b"/1"])
        finally:
            os.umask(before)
        files = list((home / ".clipfind").iterdir())
        assert files
        assert stat.S_IMODE((home / ".clipfind").stat().st_mode) == mode
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {mode & 0o666}


def test_the_default_model_of_an_index_beside_pictures_has_no_effect(home: Path) -> None:
    with Store.open(home / ".clipfind/index.db", create=False) as store:
        with pytest.raises(StoreError, match="no default model"):
            store.set_default_model("hostile")
        store.put_setting("default_model", "hostile")
        assert store.default_model() is None


def test_no_index_is_made_beside_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no index can be made"):
        Store.open(database_beside(tmp_path / "never"), create=True)
    assert not (tmp_path / "never").exists()


@pytest.mark.parametrize("note", ["zz", "", "61", "2f00"])
def test_a_note_that_makes_no_sense_is_replaced(home: Path, note: str) -> None:
    database = home / ".clipfind/index.db"
    with Store.open(database, create=False) as store:
        store.put_setting("lies_in", note)
        before = paths(store)
    with Store.open(database, create=False) as store:
        assert paths(store) == before
        assert store.setting("lies_in") == os.fsencode(home).hex()
