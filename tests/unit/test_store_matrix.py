"""The matrix beside the index: it gives what the rows give, whatever happened to either."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_index import YEARS_LATER_NS, facts_of, fill, models_with_matrix

from rclip_like.search.checks import RowCheck
from rclip_like.search.scoring import pages, score_all
from rclip_like.store import Batch, ContentRow, FailureRow, FileRow, Reading, Store
from rclip_like.store.matrix import extending, stamp
from rclip_like.store.writing import Writer
from rclip_like.values import PictureFacts, Root

DIMENSION = 8
QUERY = np.eye(DIMENSION, dtype=np.float32)[0]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setattr(stamp, "FEWEST_ROWS", 0)
    with Store.open(tmp_path / "index.db", create=True) as store:
        yield store


Ranked = list[tuple[bytes, float]]


def by_matrix(store: Store, model_id: int, roots: Sequence[Root] | None) -> Ranked | None:
    """Return paths and scores, best first, by the matrix and what is newer; None without one.

    A search finds that no sound row disagrees.
    """
    with store.snapshot():
        selection = store.select(model_id, roots)
        if selection.matrix is None:
            return None
        scored = score_all(selection, QUERY)
        found = []
        for page in pages(selection, scored):
            rows = RowCheck(selection, QUERY, page, by_matrix=scored.by_matrix)
            for file, value in page:
                assert rows.look_at(file, value) != "disagrees"
                found.append((file.path, value))
        return found


def by_rows(store: Store, model_id: int, roots: Sequence[Root] | None) -> Ranked:
    """Return paths and scores, best first, by the rows alone."""
    selection = store.select(model_id, roots)
    scored = score_all(selection, QUERY, by_rows=True)
    return [(file.path, value) for page in pages(selection, scored) for file, value in page]


def assert_agreement(store: Store, model_id: int, roots: Sequence[Root] | None = None) -> None:
    found, expected = by_matrix(store, model_id, roots), by_rows(store, model_id, roots)
    assert found is not None
    assert [path for path, _ in found] == [path for path, _ in expected]
    np.testing.assert_allclose([s for _, s in found], [s for _, s in expected], atol=1e-6)


def folder(path: bytes) -> Root:
    return Root(typed=path, path=path)


def files_beside(store: Store) -> list[Path]:
    return stamp.files_of(store.path)


def unit(seed: int, count: int) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(count, DIMENSION))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def put(store: Store, model_id: int, path: bytes, digest: bytes, *, num_parts: int = 1) -> None:
    """Write a file with this content, encoded where it is new."""
    contents = {}
    if not store.is_encoded(model_id, digest):
        rows = unit(1000 * model_id + digest[0], num_parts)
        contents = {digest: ContentRow(Reading(7, PictureFacts(4, 3)), dict(enumerate(rows)))}
    Writer(store).commit(
        model_id, Batch(contents, [FileRow(facts_of(path), YEARS_LATER_NS, digest)])
    )


def test_a_small_index_has_no_matrix(tmp_path: Path) -> None:
    with Store.open(tmp_path / "index.db", create=True) as store:
        model_id = fill(store, [b"/%d" % number for number in range(999)])
        assert not Writer(store).extend_matrix(model_id)
        assert store.select(model_id, None).matrix is None
        fill(store, [b"/one more"])
        assert Writer(store).extend_matrix(model_id)
        assert_agreement(store, model_id)


def test_its_files_can_be_read_by_their_owner_alone(store: Store) -> None:
    Writer(store).extend_matrix(fill(store, [b"/1", b"/2"]))
    assert [stat.S_IMODE(path.stat().st_mode) for path in files_beside(store)] == [0o600, 0o600]


@pytest.mark.parametrize(
    "roots",
    [None, [b"/"], [b"/a"], [b"/a/b"], [b"/b", b"/a/b"], [b"/none"], [b"/zz"], [b"/a.jpg"]],
)
def test_roots_are_cut_out_of_the_order(store: Store, roots: list[bytes] | None) -> None:
    paths = [b"/a/1", b"/a/b/2", b"/ab/3", b"/a.jpg", b"/a0", b"/b/1", b"/b/2", b"/\xff/4"]
    model_id = fill(store, paths)
    Writer(store).extend_matrix(model_id)
    named = roots and [Root(path, path, is_file=path.endswith(b"jpg")) for path in roots]
    assert_agreement(store, model_id, named)


def test_a_root_whose_first_files_are_gone_is_still_found(store: Store) -> None:
    model_id = fill(store, [b"/a/1", b"/a/2", b"/b/1", b"/b/2", b"/c/1"])
    Writer(store).extend_matrix(model_id)
    Writer(store).commit(model_id, Batch(gone=[b"/b/1", b"/c/1", b"/a/1"]))
    for path in (b"/a", b"/b", b"/c"):
        assert_agreement(store, model_id, [folder(path)])


def test_what_came_since_is_read_from_the_rows(store: Store) -> None:
    model_id = fill(store, [b"/b", b"/d"])
    Writer(store).extend_matrix(model_id)
    before = [path.read_bytes() for path in files_beside(store)]
    put(store, model_id, b"/a", b"\5", num_parts=3)
    put(store, model_id, b"/c", b"/b")  # a copy
    put(store, model_id, b"/d", b"\6")  # changed
    assert_agreement(store, model_id)
    assert [path.read_bytes() for path in files_beside(store)] == before


def test_status_counts_its_size(store: Store) -> None:
    model_id = fill(store, [b"/%d" % number for number in range(500)])
    before = store.status().size_bytes
    Writer(store).extend_matrix(model_id)
    assert store.status().size_bytes >= before + 500 * 2 * DIMENSION


def test_rows_are_added_at_the_end_of_the_same_file(store: Store) -> None:
    model_id = fill(store, [b"/1", b"/2"])
    Writer(store).extend_matrix(model_id)
    (before,) = (path for path in files_beside(store) if "rows" in path.name)
    content = before.read_bytes()
    put(store, model_id, b"/0", b"\7", num_parts=4)
    assert Writer(store).extend_matrix(model_id)
    assert before.read_bytes().startswith(content)
    assert len(before.read_bytes()) == len(content) + 4 * 2 * DIMENSION
    assert_agreement(store, model_id)


def test_nothing_is_written_while_little_is_missing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_id = fill(store, [b"/%d" % number for number in range(20)])
    Writer(store).extend_matrix(model_id)
    assert not Writer(store).extend_matrix(model_id)
    monkeypatch.setattr(stamp, "FEWEST_ROWS", 3)
    put(store, model_id, b"/a", b"\1")
    assert not Writer(store).extend_matrix(model_id)
    Writer(store).commit(model_id, Batch(gone=[b"/1", b"/2"]))
    assert Writer(store).extend_matrix(model_id)
    assert_agreement(store, model_id)


CHANGES = {
    "deleted": "DELETE FROM embeddings WHERE content_id = 2",
    "changed": "UPDATE embeddings SET embedding = zeroblob(16) WHERE content_id = 2",
    "replaced": "INSERT OR REPLACE INTO embeddings SELECT model_id, part, content_id, zeroblob(16),"
    " NULL FROM embeddings WHERE content_id = 2",
    "moved": "UPDATE files SET path = x'2f7a' WHERE file_id = 1",
    "exchanged": "UPDATE files SET content_id = 3 WHERE file_id = 1",
    "vacuumed": "VACUUM",
    "altered": "ALTER TABLE contents ADD COLUMN colour TEXT",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_what_is_in_it_makes_it_forgotten_and_written_anew(
    store: Store, change: str
) -> None:
    model_id = fill(store, [b"/1", b"/2", b"/3"])
    Writer(store).extend_matrix(model_id)
    store.connection.execute(CHANGES[change])
    assert store.select(model_id, None).matrix is None
    assert Writer(store).extend_matrix(model_id)
    assert_agreement(store, model_id)
    assert len(files_beside(store)) <= 3


def test_a_file_number_used_again_makes_it_forgotten(store: Store) -> None:
    model_id = fill(store, [b"/1", b"/2", b"/3"])
    Writer(store).extend_matrix(model_id)
    Writer(store).commit(model_id, Batch(gone=[b"/2"]))
    store.connection.execute(
        "INSERT INTO files SELECT 2, x'2f30', NULL, size_bytes, mtime_ns, device, inode,"
        " read_at_ns, 2, changed_ns FROM files WHERE file_id = 1"
    )
    assert store.select(model_id, None).matrix is None


def spoil(path: Path, kind: str) -> None:
    """Damage a file as other programs and disks do; its time of change tells, as it would."""
    content = bytearray(path.read_bytes())
    mtime_ns = path.stat().st_mtime_ns
    match kind:
        case "gone":
            path.unlink()
            return
        case "empty":
            content.clear()
        case "cut":
            del content[-1:]
        case "garbage":
            content[:] = os.urandom(len(content))
        case "scratched":
            content[-1] ^= 0xFF
        case "longer garbage":
            content[:] = os.urandom(len(content) + 100)
    path.write_bytes(content)
    os.utime(path, ns=(mtime_ns + 10**9, mtime_ns + 10**9))


@pytest.mark.parametrize("name", ["rows", "order"])
@pytest.mark.parametrize("kind", ["gone", "empty", "cut", "garbage", "scratched", "longer garbage"])
def test_a_damaged_file_is_ignored_and_written_anew(store: Store, name: str, kind: str) -> None:
    model_id = fill(store, [b"/1", b"/2", b"/3"])
    Writer(store).extend_matrix(model_id)
    (path,) = (path for path in files_beside(store) if name in path.name)
    spoil(path, kind)
    assert store.select(model_id, None).matrix is None
    assert len(by_rows(store, model_id, None)) == 3
    assert Writer(store).extend_matrix(model_id)
    assert_agreement(store, model_id)


def test_the_matrix_of_another_index_is_ignored(store: Store, tmp_path: Path) -> None:
    paths = [b"/1", b"/2", b"/3"]
    (tmp_path / "other").mkdir()
    with Store.open(tmp_path / "other" / "index.db", create=True) as other:
        Writer(other).extend_matrix(fill(other, paths, seed=5))
        foreign = files_beside(other)
    model_id = fill(store, paths)
    Writer(store).extend_matrix(model_id)
    for mine, theirs in zip(files_beside(store), foreign, strict=True):
        times = mine.stat()
        mine.write_bytes(theirs.read_bytes())
        os.utime(mine, ns=(times.st_mtime_ns, times.st_mtime_ns))
    assert store.select(model_id, None).matrix is None


def test_an_older_copy_of_the_index_trusts_only_what_it_had(store: Store, tmp_path: Path) -> None:
    model_id = fill(store, [b"/1", b"/2"])
    Writer(store).extend_matrix(model_id)
    older = tmp_path / "older.db"
    with store.connection.transaction():
        older.write_bytes(store.path.read_bytes())
        (tmp_path / "older.db-wal").write_bytes((tmp_path / "index.db-wal").read_bytes())
    put(store, model_id, b"/0", b"\7")
    Writer(store).extend_matrix(model_id)
    for path in files_beside(store):
        suffix = path.name.removeprefix("index.db")
        os.link(path, tmp_path / f"older.db{suffix}")
    with Store.open(older, create=False) as restored:
        put(restored, model_id, b"/9", b"\x09")
        assert_agreement(restored, model_id)
        assert Writer(restored).extend_matrix(model_id)
        assert_agreement(restored, model_id)


def test_a_reader_keeps_its_state_while_the_writer_extends(store: Store) -> None:
    model_id = fill(store, [b"/1", b"/2"])
    Writer(store).extend_matrix(model_id)
    with Store.open_readonly(store.path) as reader, reader.snapshot():
        held = reader.select(model_id, None).matrix
        assert held is not None
        before = np.array(held.rows), np.array(held.file_ids)
        put(store, model_id, b"/0", b"\7")
        Writer(store).extend_matrix(model_id)
        np.testing.assert_array_equal(held.rows, before[0])
        np.testing.assert_array_equal(held.file_ids, before[1])
        # Told of it before, looking for it only now.
        late = reader.select(model_id, None).matrix
        assert late is not None
        np.testing.assert_array_equal(late.file_ids, before[1])


def test_a_full_disk_costs_the_matrix_and_no_run(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_id = fill(store, [b"/1", b"/2"])

    def full(_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(extending, "_synced_mtime_ns", full)
    assert not Writer(store).extend_matrix(model_id)
    assert files_beside(store) == []
    assert store.select(model_id, None).matrix is None


def test_a_disk_that_is_full_is_told(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    model_id = fill(store, [b"/1", b"/2"])
    monkeypatch.setattr(extending.os, "open", _full)
    assert Writer(store).extend_matrix(model_id) is False


def _full(*arguments: object) -> int:
    raise OSError(28, "No space left on device")


def test_files_of_another_kind_with_its_name_are_left_alone(store: Store) -> None:
    others = [store.path.with_name(f"index.db.{name}") for name in ("rows-2019.jpg", "order-1.pdf")]
    for each in others:
        each.touch()
    Writer(store).extend_matrix(fill(store, [b"/1", b"/2"]))
    assert len(files_beside(store)) == 2
    assert all(each.exists() for each in others)


@pytest.mark.parametrize("damage", ["00", "00" * 64, "007c" + "00" * 14])
def test_a_damaged_row_is_left_out_and_comes_last(store: Store, damage: str) -> None:
    model_id = fill(store, [b"/%d" % number for number in range(9)])
    paths = [path for path, _ in by_rows(store, model_id, None)]
    question = "SELECT path FROM files WHERE content_id = 4"
    (damaged,) = store.connection.execute(question).fetchone()
    change = "UPDATE embeddings SET embedding = ? WHERE content_id = 4"
    store.connection.execute(change, (bytes.fromhex(damage),))
    assert Writer(store).extend_matrix(model_id)
    found = by_matrix(store, model_id, None)
    assert found is not None
    kept = [path for path, score in found if score >= -1]
    assert kept == [path for path in paths if path != damaged]


def test_a_frame_without_its_picture_counts_for_no_other(store: Store) -> None:
    model_id = fill(store, [b"/%d" % number for number in range(9)])
    put(store, model_id, b"/animated", b"a", num_parts=3)
    expected = [row for row in by_rows(store, model_id, None) if row[0] != b"/animated"]
    store.connection.execute("DELETE FROM embeddings WHERE part = 0 AND content_id = 10")
    assert Writer(store).extend_matrix(model_id)
    found = by_matrix(store, model_id, None)
    assert found is not None
    assert [path for path, _ in found if path != b"/animated"] == [path for path, _ in expected]
    scores = dict(found)
    assert all(abs(scores[path] - value) < 1e-6 for path, value in expected)


def test_one_that_speaks_of_other_rows_can_be_removed(store: Store) -> None:
    model_id = fill(store, [b"/1", b"/2"])
    Writer(store).extend_matrix(model_id)
    before = files_beside(store)
    Writer(store).remove_outdated_matrices()
    assert files_beside(store) == before
    assert models_with_matrix(store) == [model_id]
    store.connection.execute("VACUUM")
    Writer(store).remove_outdated_matrices()
    assert files_beside(store) == []
    assert models_with_matrix(store) == []


@pytest.mark.parametrize("part", [0, 1])
def test_a_row_of_a_wrong_length_is_left_out_without_a_matrix_too(store: Store, part: int) -> None:
    model_id = fill(store, [b"/%d" % number for number in range(9)])
    put(store, model_id, b"/animated", b"a", num_parts=2)
    expected = dict(by_rows(store, model_id, None))
    change = "UPDATE embeddings SET embedding = x'003c' WHERE content_id = 10 AND part = ?"
    store.connection.execute(change, (part,))
    found = dict(by_rows(store, model_id, None))
    assert (b"/animated" in found) == (part == 1)
    del expected[b"/animated"]
    assert {path: found[path] for path in expected} == expected
    assert store.embeddings(model_id).sound_parts([10]).damaged == {10}


def test_a_model_that_is_deleted_takes_its_matrix_along(store: Store) -> None:
    model_id = fill(store, [b"/1", b"/2"])
    Writer(store).extend_matrix(model_id)
    store.connection.execute("DELETE FROM embeddings")
    store.connection.execute("DELETE FROM models")
    assert store.connection.execute("SELECT count(*) FROM matrices").fetchone() == (0,)


OPERATIONS = st.one_of(
    st.tuples(st.just("put"), st.integers(0, 9), st.integers(0, 9), st.sampled_from([1, 1, 3])),
    st.tuples(st.just("delete"), st.integers(0, 9)),
    st.tuples(st.just("fail"), st.integers(0, 9)),
    st.tuples(st.just("extend"), st.sampled_from([1, 2])),
    st.tuples(st.just("crash"), st.sampled_from([1, 2])),
    st.tuples(st.just("second model"), st.integers(0, 9)),
    st.tuples(st.just("spoil"), st.integers(0, 3), st.sampled_from(["cut", "garbage", "gone"])),
    st.tuples(st.just("change"), st.sampled_from(["deleted", "changed", "vacuumed"])),
)


def apply(store: Store, operation: tuple) -> None:
    kind, *how = operation
    paths = [b"/%s/%d" % (name, number) for name in (b"a", b"a b", b"b") for number in range(4)]
    match kind:
        case "put":
            put(store, 1, paths[how[0]], bytes([how[1]]), num_parts=how[2])
        case "delete":
            Writer(store).commit(1, Batch(gone=[paths[how[0]]]))
        case "fail":
            failure = FailureRow(facts_of(paths[how[0]]), YEARS_LATER_NS, "broken", "pillow")
            Writer(store).commit(1, Batch(failures=[failure]))
        case "extend":
            Writer(store).extend_matrix(how[0])
        case "crash":
            crash_while_extending(store, how[0])
        case "second model":
            content = ContentRow(Reading(7, PictureFacts(4, 3)), {0: unit(2000 + how[0], 1)[0]})
            Writer(store).commit(2, Batch({bytes([how[0]]): content}))
        case "spoil":
            files = files_beside(store)
            if files:
                spoil(files[how[0] % len(files)], how[1])
        case "change":
            store.connection.execute(CHANGES[how[0]])


def crash_while_extending(store: Store, model_id: int) -> None:
    """Write the files of a matrix and die before the index says so."""
    try:
        with store.connection.transaction():
            before = stamp.read_stamp(store.connection, model_id)
            extending._Writer(store.connection, model_id).write(before)
            raise KeyboardInterrupt
    except KeyboardInterrupt:
        pass


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(operations=st.lists(OPERATIONS, max_size=25))
def test_after_any_operations_the_matrix_agrees_with_the_rows(
    tmp_path_factory: pytest.TempPathFactory, operations: list[tuple]
) -> None:
    database = tmp_path_factory.mktemp("any") / "index.db"
    with pytest.MonkeyPatch.context() as patch, Store.open(database, create=True) as store:
        patch.setattr(stamp, "FEWEST_ROWS", 0)
        for name in ("1", "2"):
            Writer(store).add_model(name, name, preprocessing_version="1", dimension=DIMENSION)
        for operation in operations:
            apply(store, operation)
            for model_id in (1, 2):
                for roots in (None, [folder(b"/a")], [folder(b"/b"), folder(b"/a b")]):
                    if by_matrix(store, model_id, roots) is not None:
                        assert_agreement(store, model_id, roots)
        for model_id in (1, 2):
            Writer(store).extend_matrix(model_id)
            if by_rows(store, model_id, None):
                assert_agreement(store, model_id)
