"""Rows in, rows out: the questions a search asks of the store."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_index import YEARS_LATER_NS, facts_of, fill

from rclip_like.errors import StoreError
from rclip_like.store import Batch, ContentRow, FailureRow, FileRow, Reading, Store
from rclip_like.store.rows import range_of, ranges_of
from rclip_like.store.writing import Writer
from rclip_like.values import FileFacts, PictureFacts, Root

pytestmark = pytest.mark.light


@pytest.fixture
def store(tmp_path: Path):
    with Store.open(tmp_path / "index.db", create=True) as store:
        yield store


def folder(path: bytes) -> Root:
    return Root(typed=path, path=path)


def paths_of(store: Store, model_id: int, roots: list[Root] | None) -> list[bytes]:
    scanned = [rowid for rowids, _, _ in store.embeddings(model_id).scan(roots) for rowid in rowids]
    return [file.path for file in store.files(scanned)]


def test_scan_gives_rows_in_order_of_path_bytes(store: Store) -> None:
    paths = [b"/a/b.jpg", b"/a b.jpg", b"/a/B.jpg", b"/a/\xff.jpg", b"/a.jpg", b"/a/b/c.jpg"]
    model_id = fill(store, paths)
    assert paths_of(store, model_id, None) == sorted(paths)


@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(names=st.sets(st.binary(min_size=1, max_size=12), min_size=1, max_size=20))
def test_scan_orders_any_names_as_bytes_compare(
    tmp_path_factory: pytest.TempPathFactory, names: set[bytes]
) -> None:
    paths = [b"/" + name for name in names]
    with Store.open(tmp_path_factory.mktemp("any") / "index.db", create=True) as store:
        model_id = fill(store, paths)
        assert paths_of(store, model_id, None) == sorted(paths)


def count_steps(store: Store, ask: Callable[[], object]) -> int:
    """Return about how many steps SQLite's machine took, in tens."""
    steps = []
    store.connection.set_progress_handler(lambda: steps.append(10), 10)
    ask()
    store.connection.set_progress_handler(None, 0)
    return sum(steps)


def write_new_picture(store: Store) -> None:
    row = np.eye(8, dtype=np.float32)[2]
    content = {b"new": ContentRow(Reading(9, PictureFacts(4, 3)), {0: row})}
    file = FileRow(facts_of(b"/new"), YEARS_LATER_NS, b"new")
    failure = FailureRow(facts_of(b"/bad"), YEARS_LATER_NS, "is cut short", "")
    Writer(store).commit(1, Batch(content, [file], [failure], gone=[b"/0007"]))


@pytest.mark.parametrize(
    "ask",
    [
        lambda store: store.digests_of_size(1, 8),
        lambda store: store.is_encoded(1, b"/0007"),
        lambda store: store.is_encoded(1, b"unknown"),
        lambda store: store.stored_digest(facts_of(b"/0007")),
        lambda store: store.failure_of(facts_of(b"/0007")),
        lambda store: store.embeddings(1).of_files([facts_of(b"/0007")]),
        lambda store: store.embeddings(1).sound_parts([7]),
        lambda store: store.embeddings(1).cached_text("cat", "t"),
        lambda store: store.has_any([folder(b"/none")]),
        lambda store: store.files([1, 2, 3]),
        write_new_picture,
    ],
)
def test_what_is_asked_of_each_picture_takes_no_longer_with_more_of_them(
    store: Store, ask: Callable[[Store], object]
) -> None:
    fill(store, [b"/%04d" % number for number in range(3000)])
    assert count_steps(store, lambda: ask(store)) < 2000


def test_scan_gives_back_the_embeddings_to_half_precision(store: Store) -> None:
    row = np.eye(8, dtype=np.float32)[2]
    model_id = Writer(store).add_model("tiny", "f" * 64, preprocessing_version="1", dimension=8)
    content = {b"d": ContentRow(Reading(7, PictureFacts(4, 3)), {0: row})}
    Writer(store).commit(model_id, Batch(content, [FileRow(facts_of(b"/x"), YEARS_LATER_NS, b"d")]))
    (_, _, embeddings), *rest = store.embeddings(model_id).scan(None)
    assert not rest
    assert embeddings.dtype == np.float16
    np.testing.assert_array_equal(embeddings[0], row)


def test_scan_comes_in_chunks_of_at_most_4096(store: Store) -> None:
    model_id = fill(store, [b"/%05d.jpg" % number for number in range(5000)])
    chunks = [
        (len(rowids), embeddings.shape)
        for rowids, _, embeddings in store.embeddings(model_id).scan(None)
    ]
    assert chunks == [(4096, (4096, 8)), (904, (904, 8))]


def test_a_root_holds_what_lies_in_it_and_not_its_namesakes(store: Store) -> None:
    model_id = fill(store, [b"/a/1", b"/a/b/2", b"/ab/3", b"/a.jpg", b"/a0"])
    assert paths_of(store, model_id, [folder(b"/a")]) == [b"/a/1", b"/a/b/2"]
    assert paths_of(store, model_id, [Root(b"a.jpg", b"/a.jpg", is_file=True)]) == [b"/a.jpg"]
    assert len(paths_of(store, model_id, [folder(b"/")])) == 5


@pytest.mark.parametrize("name", [b"%", b"_", b"[ab]", b"*", b"?"])
def test_wildcards_in_a_root_mean_themselves(store: Store, name: bytes) -> None:
    model_id = fill(store, [b"/" + name + b"/1", b"/a/1", b"/ab/1"])
    assert paths_of(store, model_id, [folder(b"/" + name)]) == [b"/" + name + b"/1"]


def test_overlapping_roots_give_each_row_once(store: Store) -> None:
    model_id = fill(store, [b"/a/1", b"/a/b/2", b"/c/3"])
    roots = [folder(b"/c"), folder(b"/a/b"), folder(b"/a")]
    assert paths_of(store, model_id, roots) == [b"/a/1", b"/a/b/2", b"/c/3"]


def test_rows_come_in_the_order_asked_without_those_gone(store: Store) -> None:
    model_id = fill(store, [b"/1", b"/2", b"/3"])
    Writer(store).commit(model_id, Batch(gone=[b"/2"]))
    assert [file.path for file in store.files([3, 2, 1])] == [b"/3", b"/1"]


def test_a_row_number_is_never_given_to_another_file(store: Store) -> None:
    model_id = fill(store, [b"/1", b"/2"])
    Writer(store).commit(model_id, Batch(gone=[b"/2"]))
    Writer(store).commit(model_id, Batch(files=[FileRow(facts_of(b"/new"), YEARS_LATER_NS, b"/1")]))
    assert store.files([2]) == []


@pytest.mark.parametrize("fact", ["size_bytes", "mtime_ns", "inode", "changed_ns"])
def test_embedding_of_a_file_needs_its_facts(store: Store, fact: str) -> None:
    model_id = fill(store, [b"/1"])
    facts = facts_of(b"/1")
    changed = facts._replace(**{fact: 8})
    found, other = store.embeddings(model_id).of_files([facts, changed])
    assert found is not None
    assert found.digest == b"/1"
    assert np.linalg.norm(found.embedding) == pytest.approx(1, abs=1e-6)
    assert other is None


def test_a_content_is_found_by_its_digest(store: Store) -> None:
    model_id = fill(store, [b"/1", b"/2"])
    embeddings = store.embeddings(model_id)
    one, other = embeddings.of_files([facts_of(b"/1"), facts_of(b"/2")])
    found = embeddings.of_digests([b"/2", b"unknown", b"/1"])
    assert [picture and picture.digest for picture in found] == [b"/2", None, b"/1"]
    for picture, expected in ((found[2], one), (found[0], other)):
        assert picture is not None
        assert expected is not None
        np.testing.assert_array_equal(picture.embedding, expected.embedding)


def test_paths_that_lead_nowhere_have_no_embedding(store: Store, tmp_path: Path) -> None:
    model_id = fill(store, [b"/1"])
    (tmp_path / "new.jpg").touch()
    paths = [tmp_path / "new.jpg", tmp_path / "gone.jpg", "a\0b", b"\xff"]
    assert store.embeddings(model_id).of_paths(paths) == [None] * 4


def test_embedding_of_a_file_read_within_the_clocks_grain_is_not_trusted(store: Store) -> None:
    model_id = fill(store, [b"/1"])
    now_ns = time.time_ns()
    Writer(store).commit(
        model_id, Batch(files=[FileRow(facts_of(b"/1", mtime_ns=now_ns), now_ns, b"/1")])
    )
    assert store.embeddings(model_id).of_files([facts_of(b"/1", mtime_ns=now_ns)]) == [None]


def test_a_batch_is_written_whole_or_not_at_all(store: Store) -> None:
    model_id = fill(store, [b"/1"])
    files = [
        FileRow(facts_of(path), YEARS_LATER_NS, digest)
        for path, digest in [(b"/2", b"/1"), (b"/3", b"a digest that nobody has")]
    ]
    with pytest.raises(StoreError):
        Writer(store).commit(model_id, Batch(files=files))
    assert paths_of(store, model_id, None) == [b"/1"]


def test_models_lie_side_by_side(store: Store) -> None:
    first = fill(store, [b"/1", b"/2"])
    second = Writer(store).add_model("other", "0" * 64, preprocessing_version="1", dimension=4)
    row = np.array([1, 0, 0, 0], dtype=np.float32)
    Writer(store).commit(
        second, Batch({b"/1": ContentRow(Reading(7, PictureFacts(4, 3)), {0: row})})
    )
    assert paths_of(store, first, None) == [b"/1", b"/2"]
    assert paths_of(store, second, None) == [b"/1"]


def with_frames(store: Store, path: bytes, rows: np.ndarray) -> int:
    """Write an animation whose parts have these embeddings; return the model's number."""
    model_id = Writer(store).add_model("tiny", "f" * 64, preprocessing_version="1", dimension=8)
    content = {path: ContentRow(Reading(7, PictureFacts(4, 3)), dict(enumerate(rows)))}
    Writer(store).commit(model_id, Batch(content, [FileRow(facts_of(path), YEARS_LATER_NS, path)]))
    return model_id


def test_frames_are_parts_of_their_content_and_no_files_of_their_own(store: Store) -> None:
    fill(store, [b"/1", b"/2"])
    model_id = with_frames(store, b"/a.gif", np.eye(8, dtype=np.float32)[:3])
    assert paths_of(store, model_id, None) == [b"/1", b"/2", b"/a.gif"]
    parts = store.embeddings(model_id).sound_parts([1, 3])
    assert parts.content_ids.tolist() == [1, 3, 3, 3]
    np.testing.assert_array_equal(parts.embeddings[1:], np.eye(8)[:3])
    assert store.status().models[0]["files"] == 3


def test_a_content_encoded_before_takes_no_parts_of_another_encoding(store: Store) -> None:
    row = np.eye(8, dtype=np.float32)
    model_id = with_frames(store, b"/a.gif", row[:1])
    with_frames(store, b"/a.gif", row[3:6])
    parts = store.embeddings(model_id).sound_parts([1])
    np.testing.assert_array_equal(parts.embeddings, row[:1])


def test_a_cached_text_comes_back(store: Store) -> None:
    model_id = fill(store, [b"/1"])
    embedding = np.full(8, np.sqrt(0.125), dtype=np.float32)
    assert store.embeddings(model_id).cached_text("cat", "t") is None
    assert store.embeddings(model_id).cache_text("cat", embedding, tokenizer="t")
    found = store.embeddings(model_id).cached_text("cat", "t")
    assert found is not None
    np.testing.assert_array_equal(found, embedding)


def test_a_text_is_dropped_at_once_while_another_writes(store: Store) -> None:
    model_id = fill(store, [b"/1"])
    with Store.open(store.path, create=False) as other:
        other.connection.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        assert not store.embeddings(model_id).cache_text(
            "cat", np.eye(8, dtype=np.float32)[0], tokenizer="t"
        )
        assert time.monotonic() - started < 5
    assert store.embeddings(model_id).cached_text("cat", "t") is None


def test_a_snapshot_sees_one_state_whatever_is_written(store: Store) -> None:
    model_id = fill(store, [b"/1"])
    with Store.open_readonly(store.path) as reader, reader.snapshot():
        assert reader.count_files() == 1
        Writer(store).commit(model_id, Batch(gone=[b"/1"]))
        assert reader.count_files() == 1
    assert store.count_files() == 0


def test_the_view_shows_readable_paths(store: Store) -> None:
    fill(store, ["/été.jpg".encode(), b"/\xe9t\xe9.jpg"])
    shown = store.connection.execute("SELECT path FROM paths ORDER BY file_id").fetchall()
    assert shown == [("/été.jpg",), (r"/\udce9t\udce9.jpg",)]


def test_the_default_model_is_remembered(store: Store) -> None:
    assert store.default_model() is None
    store.set_default_model("ViT-B-32-256/datacomp_s34b_b86k")
    assert store.default_model() == "ViT-B-32-256/datacomp_s34b_b86k"


def test_a_hint_is_given_once_an_index(store: Store) -> None:
    assert store.is_first_time("larger models")
    assert not store.is_first_time("larger models")
    assert store.is_first_time("another")


def test_status_counts_what_lies_under_the_roots(store: Store) -> None:
    model_id = fill(store, [b"/a/1", b"/a/2", b"/b/3"])
    Writer(store).put_roots({b"/a": 1, b"/b": 1}, {}, walked_at_ns=YEARS_LATER_NS)
    failure = FailureRow(facts_of(b"/a/bad"), YEARS_LATER_NS, "truncated", "pillow 13")
    Writer(store).commit(model_id, Batch(failures=[failure]))
    report = store.status([folder(b"/a")])
    assert (report.files, report.contents, report.failures) == (2, 2, {"truncated": 1})
    assert [model["files"] for model in report.models] == [2]
    assert [(root["path"], root["files"]) for root in report.roots] == [(b"/a", 2)]
    assert report.size_bytes >= store.path.stat().st_size


def test_status_counts_copies_in_several_folders_as_one_content(store: Store) -> None:
    model_id = fill(store, [b"/a/1", b"/b/2", b"/c/3"])
    Writer(store).commit(
        model_id, Batch(files=[FileRow(facts_of(b"/b/copy"), YEARS_LATER_NS, b"/a/1")])
    )
    report = store.status([folder(b"/a"), folder(b"/b")])
    assert (report.files, report.contents) == (3, 2)
    many = [folder(b"/%d" % number) for number in range(2000)]
    assert store.status([*many, folder(b"/a")]).contents == 1


def test_a_failure_takes_the_place_of_the_file_and_the_other_way_round(store: Store) -> None:
    model_id = fill(store, [b"/1"])
    failure = FailureRow(facts_of(b"/1"), YEARS_LATER_NS, "truncated", "pillow 13")
    Writer(store).commit(model_id, Batch(failures=[failure]))
    assert paths_of(store, model_id, None) == []
    Writer(store).commit(model_id, Batch(files=[FileRow(facts_of(b"/1"), YEARS_LATER_NS, b"/1")]))
    assert paths_of(store, model_id, None) == [b"/1"]
    assert store.status().failures == {}


def test_many_contents_of_one_size_are_not_sent_along(store: Store) -> None:
    model_id = fill(store, [b"/%d" % number for number in range(64)])
    assert len(store.digests_of_size(model_id, 7)) == 64
    fill(store, [b"/one more"])
    assert store.digests_of_size(model_id, 7) == ()
    assert store.digests_of_size(model_id, 8) == ()


@pytest.mark.parametrize("bits", [64, 128])
def test_devices_and_inodes_of_many_bits_fit(store: Store, bits: int) -> None:
    model_id = fill(store, [b"/1"])
    largest = (1 << bits) - 1
    facts = FileFacts.within((*facts_of(b"/2")[:3], largest, largest, 0))
    assert (facts.device, facts.inode) == (-1, -1)
    Writer(store).commit(model_id, Batch(files=[FileRow(facts, YEARS_LATER_NS, b"/1")]))
    assert paths_of(store, model_id, None) == [b"/1", b"/2"]


def test_what_is_known_is_read_in_pages_and_not_file_by_file(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rclip_like.settings.num_processors", lambda: 1)
    model_id = fill(store, [b"/%05d.jpg" % number for number in range(9000)])
    questions: list[str] = []
    store.connection.set_trace_callback(questions.append)
    pages = list(store.indexed_facts(model_id, None))
    assert sum(map(len, pages)) == 9000
    assert len(questions) == 4  # the last asks what follows


def test_a_settled_picture_is_remembered_as_the_walk_would_find_it(store: Store) -> None:
    model_id = fill(store, [b"/1.jpg", b"/2.jpg"])
    fresh = FileRow(facts_of(b"/3.jpg", mtime_ns=YEARS_LATER_NS), YEARS_LATER_NS, b"/1.jpg")
    Writer(store).commit(model_id, Batch(files=[fresh]))
    [known] = store.indexed_facts(model_id, None)
    assert known[:2] == [facts_of(b"/1.jpg"), facts_of(b"/2.jpg")]
    assert known[2][4] is None
    [unencoded] = store.indexed_facts(model_id + 1, None)
    assert [row[4] for row in unencoded] == [None, None, None]


def test_a_text_that_is_not_utf8_is_not_cached(store: Store) -> None:
    model_id = fill(store, [b"/1"])
    assert not store.embeddings(model_id).cache_text(
        "caf\udce9", np.eye(8, dtype=np.float32)[0], tokenizer="t"
    )
    assert store.embeddings(model_id).cached_text("caf\udce9", "t") is None


def test_a_model_in_a_folder_that_is_not_utf8_is_added(store: Store) -> None:
    facts = {"preprocessing_version": "1", "dimension": 8}
    assert Writer(store).add_model("/mus\udce9e", "f" * 64, **facts) == store.model_id("f" * 64)
    (model,) = store.status(None).models
    assert model["name"] == r"/mus\udce9e"


def test_no_more_texts_are_remembered_than_fit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rclip_like.store.embeddings.MOST_TEXTS", 20)
    with Store.open(tmp_path / "index.db", create=True) as store:
        fill(store, [b"/1"])
        for number in range(100):
            assert store.embeddings(1).cache_text(
                f"text {number}", np.eye(8, dtype=np.float32)[0], tokenizer="t"
            )
        kept = [
            n for n in range(100) if store.embeddings(1).cached_text(f"text {n}", "t") is not None
        ]
    assert 18 <= len(kept) <= 20
    assert kept[-1] == 99


def test_the_root_of_the_disk_holds_all_that_lies_in_it() -> None:
    places = [Root(b"/", b"/", is_file=True), Root(b"/", b"/")]
    [everything] = ranges_of(places)
    assert everything.start <= b"/a" < everything.end
    assert everything == range_of(places[1])
