"""Pruning and forgetting: what goes, what stays in doubt, and the room that comes back."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from bound_by_rights import needs_rights, run_without_override
from small_index import SmallIndex, fill, make_picture, make_pictures

from rclip_like.errors import IndexLocked, StoreError, UsageError
from rclip_like.reports import UpkeepReport
from rclip_like.settings import PruneSettings
from rclip_like.store import Store
from rclip_like.store.matrix import stamp
from rclip_like.store.writing import Writer
from rclip_like.upkeep.models import unused_models
from rclip_like.upkeep.pruning import forget, prune


@pytest.fixture
def index(tmp_path: Path, tiny_model: Path):
    make_pictures(tmp_path / "album" / "sub", 3)
    index = SmallIndex(tmp_path / "index.db", tiny_model)
    index.update(tmp_path / "album")
    yield index
    index.store.close()


@pytest.fixture
def store(tmp_path: Path):
    """Return an index of 3,000 files that are not there, a third of them in `/b`."""
    with Store.open(tmp_path / "index.db", create=True) as store:
        names = [b"/%s/%04d.jpg" % (b"aab"[number % 3 :][:1], number) for number in range(3000)]
        fill(store, names, dimension=256)
        store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        yield store


def prune_all(index: SmallIndex, *paths: Path, **settings: bool) -> UpkeepReport:
    return prune(index.store, list(map(os.fsencode, paths)), PruneSettings(**settings))


def one(store: Store, question: str) -> int:
    return store.connection.execute(question).fetchone()[0]


def assert_whole(store: Store) -> None:
    assert one(store, "PRAGMA integrity_check") == "ok"
    assert store.connection.execute("PRAGMA foreign_key_check").fetchall() == []
    strays = "SELECT count(*) FROM embeddings WHERE content_id NOT IN (SELECT content_id FROM {})"
    assert one(store, strays.format("contents")) == 0


def test_the_matrix_keeps_nothing_of_what_was_dropped(store: Store) -> None:
    model_id = store.models()[0][0]
    Writer(store).extend_matrix(model_id)
    before = {path: path.stat().st_size for path in stamp.files_of(store.path)}
    forget(store, [b"/b"], dry_run=True)
    assert stamp.files_of(store.path) == list(before)
    forget(store, [b"/b"])
    after = {path: path.stat().st_size for path in stamp.files_of(store.path)}
    assert not set(after) & set(before)
    assert sum(after.values()) == pytest.approx(sum(before.values()) * 2 / 3, rel=0.01)
    with store.snapshot():
        assert store.select(model_id, None).matrix is not None
    forget(store, [b"/a"])
    assert stamp.files_of(store.path) == []


def test_nothing_is_dropped_while_everything_is_there(index: SmallIndex) -> None:
    report = prune_all(index)
    assert (report.files, report.contents, report.roots) == (0, 0, 0)
    assert len(index.names()) == 3


def test_a_deleted_file_goes_with_its_content(index: SmallIndex, tmp_path: Path) -> None:
    (tmp_path / "album" / "sub" / "0001.jpg").unlink()
    report = prune_all(index)
    assert (report.files, report.contents, report.embeddings) == (1, 1, 1)
    assert report.folders == {os.fsencode(tmp_path / "album" / "sub"): 1}
    assert_whole(index.store)
    assert one(index.store, "SELECT count(*) FROM readings") == 2
    assert index.names() == ["0000.jpg", "0002.jpg"]
    assert_whole(index.store)


def test_a_content_that_another_file_has_stays(index: SmallIndex, tmp_path: Path) -> None:
    album = tmp_path / "album"
    shutil.copy2(album / "sub" / "0001.jpg", album / "copy.jpg")
    index.update(album)
    (album / "sub" / "0001.jpg").unlink()
    report = prune_all(index)
    assert (report.files, report.contents) == (1, 0)
    assert index.names() == ["copy.jpg", "0000.jpg", "0002.jpg"]


def test_a_folder_deleted_as_a_whole_goes_with_its_root(index: SmallIndex, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "album")
    report = prune_all(index)
    assert (report.files, report.roots, report.kept) == (3, 1, {})
    assert index.store.status().roots == ()


@pytest.mark.parametrize("place", ["there and empty", "removed"])
def test_the_rows_of_a_disk_that_is_not_mounted_stay(
    index: SmallIndex, tmp_path: Path, place: str
) -> None:
    for table in ("files", "roots"):
        index.store.connection.execute(f"UPDATE {table} SET device = 4242")
    shutil.rmtree(tmp_path / "album")
    if place == "there and empty":
        (tmp_path / "album").mkdir()
    report = prune_all(index)
    nearest = tmp_path / "album" if place == "there and empty" else tmp_path
    assert (report.files, report.roots) == (0, 0)
    assert report.kept == {os.fsencode(nearest): 3}
    assert len(index.names()) == 3


PRUNE = """
import sys
from pathlib import Path
from rclip_like.settings import PruneSettings
from rclip_like.store import Store
from rclip_like.upkeep.pruning import prune
with Store.open(Path(sys.argv[1]), create=False) as store:
    report = prune(store, [], PruneSettings())
print(report.files, report.kept, report.unreachable)
"""


@needs_rights
def test_what_lies_in_a_folder_that_cannot_be_entered_is_kept_and_counted(
    index: SmallIndex, tmp_path: Path
) -> None:
    shut = tmp_path / "album" / "sub"
    shut.chmod(0)
    told = run_without_override(PRUNE, index.store.path)
    shut.chmod(0o700)
    assert told == f"0 {{}} {{{os.fsencode(shut)!r}: 3}}\n"
    assert len(index.names()) == 3


def test_a_moved_file_that_was_indexed_again_keeps_its_embedding(
    index: SmallIndex, tmp_path: Path
) -> None:
    (tmp_path / "album" / "sub").rename(tmp_path / "album" / "other")
    index.update(tmp_path / "album")
    assert prune_all(index).contents == 0
    assert index.update_without_encoder(tmp_path / "album").unchanged == 3


def test_a_file_that_index_found_gone_leaves_a_content_for_prune(
    index: SmallIndex, tmp_path: Path
) -> None:
    (tmp_path / "album" / "sub" / "0001.jpg").unlink()
    assert index.update(tmp_path / "album").removed == 1
    assert prune_all(index, tmp_path / "album").contents == 0
    assert prune_all(index).contents == 1
    assert_whole(index.store)


def test_an_unreadable_file_that_is_gone_is_no_longer_counted(
    index: SmallIndex, tmp_path: Path
) -> None:
    broken = make_picture(tmp_path / "album" / "broken.jpg", 9)
    broken.write_bytes(b"\xff\xd8 no picture")
    index.update(tmp_path / "album")
    broken.unlink()
    assert prune_all(index).failures == 1
    assert index.store.status().failures == {}


def test_only_what_lies_under_the_paths_is_pruned(index: SmallIndex, tmp_path: Path) -> None:
    make_pictures(tmp_path / "album" / "other", 1)
    index.update(tmp_path / "album")
    shutil.rmtree(tmp_path / "album" / "sub")
    (tmp_path / "album" / "other" / "0000.jpg").unlink()
    assert prune_all(index, tmp_path / "album" / "sub").files == 3
    assert index.names() == ["0000.jpg"]


def test_a_dry_run_counts_the_same_and_changes_no_byte(index: SmallIndex, tmp_path: Path) -> None:
    shutil.rmtree(tmp_path / "album")
    index.store.close()
    before = index.store.path.read_bytes()
    with Store.open(index.store.path, create=False) as index.store:
        dry = prune_all(index, dry_run=True)
    assert index.store.path.read_bytes() == before
    assert dry.is_dry_run
    index.store = Store.open(index.store.path, create=False)
    real = prune_all(index)
    counts = [(each.files, each.contents, each.embeddings, each.roots) for each in (dry, real)]
    assert counts == [(3, 3, 3, 1)] * 2


def test_a_dry_run_needs_no_lock(store: Store) -> None:
    with store.writing(wait=False):
        assert forget(store, [b"/a"], dry_run=True).files == 2000
        with pytest.raises(IndexLocked):
            forget(store, [b"/a"], wait=False)
    assert store.count_files() == 3000


def test_what_is_forgotten_makes_the_file_smaller_and_leaves_no_log(store: Store) -> None:
    before = store.path.stat().st_size
    report = forget(store, [b"/a"])
    assert (report.files, report.contents, report.folders) == (2000, 2000, {b"/a": 2000})
    assert store.path.stat().st_size < before / 2
    assert store.path.with_name("index.db-wal").stat().st_size == 0
    assert report.freed_bytes > before / 2
    assert store.count_files() == 1000
    assert_whole(store)


def test_no_word_of_what_was_forgotten_stays_in_the_file(store: Store) -> None:
    assert b"/a/0000.jpg" in store.path.read_bytes() + _log(store)
    forget(store, [b"/a"])
    assert b"/a/0000.jpg" not in store.path.read_bytes() + _log(store)


def _log(store: Store) -> bytes:
    return store.path.with_name("index.db-wal").read_bytes()


def test_a_dry_run_tells_about_how_much_comes_free(store: Store) -> None:
    told = forget(store, [b"/a"], dry_run=True).freed_bytes
    assert told == pytest.approx(forget(store, [b"/a"]).freed_bytes, rel=0.3)


def test_a_single_file_can_be_forgotten_and_neighbours_stay(store: Store) -> None:
    assert forget(store, [b"/b/0002.jpg"]).files == 1
    assert forget(store, [b"/b/000"]).unknown == (b"/b/000",)
    assert store.count_files() == 2999


def test_a_folder_that_became_a_link_is_forgotten_under_its_old_name(
    index: SmallIndex, tmp_path: Path
) -> None:
    (tmp_path / "album").rename(tmp_path / "moved")
    (tmp_path / "album").symlink_to(tmp_path / "moved")
    assert forget(index.store, [os.fsencode(tmp_path / "album")]).files == 3


def test_pages_that_another_program_left_free_are_given_back(store: Store) -> None:
    for table in ("files", "embeddings", "contents"):
        store.connection.execute(f"DELETE FROM {table} WHERE content_id > 1500")
    before = store.path.stat().st_size + len(_log(store))
    report = prune(store, [b"/nowhere"], PruneSettings())
    assert store.path.stat().st_size < 0.7 * before
    assert report.freed_bytes > 0


def test_a_run_that_could_not_free_the_room_leaves_it_to_the_next(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(store.path.parent)
    with monkeypatch.context() as full:
        full.setattr(shutil, "disk_usage", lambda place: usage._replace(free=1000))
        with pytest.raises(StoreError, match=r"index\.db: what had to go is dropped, .* make room"):
            forget(store, [b"/b/0002.jpg"])
    assert store.count_files() == 2999
    before = store.path.stat().st_size
    assert one(store, "SELECT count(*) FROM settings WHERE name = 'unreclaimed'") == 1
    prune(store, [b"/nowhere"], PruneSettings())
    assert one(store, "SELECT count(*) FROM settings WHERE name = 'unreclaimed'") == 0
    assert store.path.stat().st_size <= before


def test_a_reader_amid_its_search_is_not_disturbed_and_not_waited_for_long(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rclip_like.store.opening.BUSY_SECONDS", 0.1)
    with store.another() as reader, reader.snapshot():
        assert reader.count_files() == 3000
        report = forget(store, [b"/a"])
        assert not report.is_short
        assert reader.count_files() == 3000
        assert sum(len(rowids) for rowids, _, _ in reader.embeddings(1).scan(None)) == 3000
    assert store.count_files() == 1000
    store.close()
    assert not store.path.with_name("index.db-wal").exists()
    assert store.path.stat().st_size < 3000 * 512


def test_models_not_in_use_go_with_their_texts_and_rows(store: Store) -> None:
    import numpy as np

    other = Writer(store).add_model("other", "e" * 64, preprocessing_version="1", dimension=256)
    store.connection.execute(
        "INSERT INTO embeddings SELECT ?, 0, content_id, embedding, row_digest FROM embeddings",
        (other,),
    )
    for number in (1, other):
        store.embeddings(number).cache_text("cat", np.eye(256, dtype=np.float32)[0], tokenizer="t")
    store.connection.execute(
        "INSERT INTO readings SELECT model_id, content_id, 'PNG 2', NULL FROM embeddings"
    )
    report = prune(store, [b"/nowhere"], PruneSettings(models=True), {"e" * 64})
    assert (report.models, report.embeddings, report.texts) == (("other",), 3000, 1)
    assert one(store, "SELECT count(*) FROM readings") == 3000
    assert [model["name"] for model in store.status().models] == ["tiny"]
    assert store.embeddings(1).cached_text("cat", "t") is not None
    assert_whole(store)


def test_remembered_words_go_when_asked(store: Store) -> None:
    import numpy as np

    store.embeddings(1).cache_text("cat", np.eye(256, dtype=np.float32)[0], tokenizer="t")
    assert prune(store, [b"/nowhere"], PruneSettings()).texts == 0
    assert prune(store, [b"/nowhere"], PruneSettings(texts=True)).texts == 1
    assert store.embeddings(1).cached_text("cat", "t") is None


THERE = [(1, "builtin", "a" * 64), (2, "builtin", "b" * 64), (3, "old/model", "c" * 64)]


def test_models_are_kept_by_name_where_this_machine_lacks_them_and_by_fingerprint() -> None:
    assert unused_models(THERE, ["old/model"], ["aaaaaa"]) == {"b" * 64}


def test_a_model_in_use_that_has_encoded_nothing_drops_no_other() -> None:
    with pytest.raises(UsageError, match="new/model has encoded nothing"):
        unused_models(THERE, ["new/model"], [])
    with pytest.raises(UsageError, match="fff000 has encoded nothing"):
        unused_models(THERE, ["old/model"], ["fff000"])
    assert unused_models(THERE, ["old/model", "never/indexed"], []) == {"a" * 64, "b" * 64}


def test_a_model_on_this_machine_is_known_by_its_fingerprint(index: SmallIndex) -> None:
    there = [*index.store.models(), (9, index.specification.name, "d" * 64)]
    assert unused_models(there, [index.specification.name], []) == {"d" * 64}
