"""Shards of an index: what is in them, how they are merged, and what is refused."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from interchanged import MODEL, Picture, contents_of, digest_of, exported, imported, make_index
from manual_interchange import INTERCHANGE

from rclip_like.errors import InterchangeError
from rclip_like.interchange.columns import COLUMNS, KINDS, TYPE_NAMES
from rclip_like.store import Store
from rclip_like.store.names import Method, Name, NameRow

ANN = (
    Picture(b"/ann/1.jpg", 1, words=(("caption", "a boat"),)),
    Picture(b"/ann/2.jpg", 2, camera="Museum Camera"),
    Picture(b"/ann/not-\xff.jpg", 3, num_parts=3),
)
BOB = (
    Picture(b"/bob/1.jpg", 1, seed=1, words=(("caption", "a ship"), ("text", "STOP"))),
    Picture(b"/bob/4.jpg", 4, reader=None),
)


def row_of(seed: int, *, method: Method = "mean", fingerprint: str = "f" * 64) -> NameRow:
    """Return a row for a name."""
    row = np.random.default_rng(seed).normal(size=8)
    return NameRow("tiny", fingerprint, method, (row / np.linalg.norm(row)).astype(np.float32))


NAMES = (
    Name("new", (digest_of(3),), ()),
    Name("rex", (digest_of(1), digest_of(2)), (row_of(1), row_of(2, fingerprint="e" * 64))),
    Name("many", (digest_of(1), digest_of(3)), (row_of(3, method="probe"),)),
    Name("label", (), (row_of(4, method="probe"),)),
)


def test_what_is_imported_is_what_was_exported(tmp_path: Path) -> None:
    source = make_index(tmp_path / "ann.db", ANN)
    with Store.open(source, create=False) as store:
        store.hidden.add([digest_of(2)])
        store.saved.put("boats", ["--all", "--", "boat"])
        store.names.put([*NAMES])
    done = exported(source, tmp_path / "parts")
    assert done.rows == {
        "facts": 3,
        "embeddings": 5,
        "words": 1,
        "files": 3,
        "sidecars": 0,
        "hidden": 1,
        "saved": 1,
        "names": 5,
    }
    imported(tmp_path / "new.db", tmp_path / "parts")
    before, after = contents_of(source), contents_of(tmp_path / "new.db")
    for table in before.keys() - {"files"}:
        assert before[table] == after[table], table
    assert [row[0] for row in after["files"]] == [row[0] for row in before["files"]]
    # and once more out and in, all is the same
    exported(tmp_path / "new.db", tmp_path / "again")
    for kind in KINDS:
        for path in (tmp_path / "parts" / kind).glob("*"):
            assert path.read_bytes() == (tmp_path / "again" / kind / path.name).read_bytes()


def test_two_exports_give_the_same_rows_in_any_order_and_twice(tmp_path: Path) -> None:
    for name, pictures in (("ann", ANN), ("bob", BOB)):
        exported(make_index(tmp_path / f"{name}.db", pictures), tmp_path / name)
    imported(tmp_path / "1.db", tmp_path / "ann")
    imported(tmp_path / "1.db", tmp_path / "bob")
    imported(tmp_path / "2.db", tmp_path / "bob")
    imported(tmp_path / "2.db", tmp_path / "ann")
    imported(tmp_path / "3.db", tmp_path / "bob", tmp_path / "ann")
    imported(tmp_path / "3.db", tmp_path / "ann")
    rows = contents_of(tmp_path / "1.db")
    assert len(rows["files"]) == 5
    assert len(rows["contents"]) == 4
    assert rows == contents_of(tmp_path / "2.db") == contents_of(tmp_path / "3.db")


def test_frames_of_a_video_keep_their_seconds(tmp_path: Path) -> None:
    video = Picture(b"/ann/5.mp4", 5, reader="VIDEO 1", num_parts=3)
    source = make_index(tmp_path / "ann.db", [*ANN, video])
    exported(source, tmp_path / "parts")
    imported(tmp_path / "new.db", tmp_path / "parts")
    rows = contents_of(tmp_path / "new.db")["frames"]
    assert rows == contents_of(source)["frames"]
    assert [row[1:] for row in rows] == [(0, 0.0), (1, 0.5), (2, 1.0)]


IN_MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None
"""Nothing is synced there: each example makes five indexes."""
PICTURES = st.lists(
    st.builds(
        Picture,
        path=st.sampled_from([b"/a/1.jpg", b"/a/2.jpg", b"/b/3.jpg"]),
        content=st.integers(0, 2),
        seed=st.integers(0, 2),
        reader=st.sampled_from([None, "JPEG 1", "JPEG 2", "VIDEO 1"]),
        camera=st.sampled_from([None, "", "X", "Y"]),
        mtime_ns=st.integers(10**18, 10**18 + 1),
        words=st.sampled_from([(), (("text", "a"),), (("text", "b"), ("caption", "c"))]),
        num_parts=st.integers(1, 3),
    ),
    max_size=4,
)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(own=PICTURES, others=st.lists(PICTURES, min_size=2, max_size=3), data=st.data())
def test_shards_merge_in_any_order_to_the_same_rows(
    own: list[Picture], others: list[list[Picture]], data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory(dir=IN_MEMORY) as folder:
        top = Path(folder)
        shards = []
        for number, pictures in enumerate(others):
            shards.append(top / f"shards{number}")
            exported(make_index(top / f"{number}.db", pictures), shards[-1])
        orders = [shards, data.draw(st.permutations(shards))]
        for name, order in zip("xy", orders, strict=True):
            make_index(top / f"{name}.db", own)
            for shard in order:
                imported(top / f"{name}.db", shard)
        assert contents_of(top / "x.db") == contents_of(top / "y.db")


def test_what_this_machine_has_read_stays(tmp_path: Path) -> None:
    exported(make_index(tmp_path / "bob.db", BOB), tmp_path / "bob")
    mine = make_index(tmp_path / "mine.db", [Picture(b"/bob/4.jpg", 1, camera="Mine")])
    before = contents_of(mine)
    imported(mine, tmp_path / "bob")
    after = contents_of(mine)
    assert set(before["files"]) < set(after["files"])
    assert set(before["embeddings"]) < set(after["embeddings"])
    assert set(before["contents"]) < set(after["contents"])
    assert [row[6] for row in after["contents"] if row[0] == digest_of(1)] == ["Mine"]


def test_shards_are_of_bounded_size_and_no_content_is_torn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rclip_like.interchange.exporting._PART_ROWS", 4)
    pictures = [Picture(b"/a/%d.jpg" % number, number, num_parts=3) for number in range(5)]
    exported(make_index(tmp_path / "a.db", pictures), tmp_path / "parts")
    tables = [pq.read_table(each) for each in sorted((tmp_path / "parts/embeddings").iterdir())]
    digests = [{*table.column("digest").to_pylist()} for table in tables]
    assert [len(table) for table in tables] == [6, 6, 3]
    assert sum(map(len, digests)) == len(set.union(*digests)) == 5
    imported(tmp_path / "b.db", tmp_path / "parts")
    assert len(contents_of(tmp_path / "b.db")["embeddings"]) == 15


def test_the_columns_are_those_declared(tmp_path: Path) -> None:
    exported(make_index(tmp_path / "ann.db", ANN), tmp_path / "parts")
    for kind in ("facts", "embeddings", "words", "files"):
        schema = pq.read_schema(tmp_path / "parts" / kind / "00000.parquet")
        assert schema.names == [column.name for column in COLUMNS[kind]]
        for column in COLUMNS[kind]:
            field = schema.field(column.name)
            said = "fixed_size_list<float16>" if column.type == "embedding" else str(field.type)
            assert said == TYPE_NAMES[column.type]
            assert field.nullable == column.is_optional


def test_another_model_is_refused_and_nothing_is_merged(tmp_path: Path) -> None:
    exported(make_index(tmp_path / "ann.db", ANN), tmp_path / "parts")
    other = MODEL._replace(fingerprint="e" * 64)
    with pytest.raises(InterchangeError, match=r"'tiny'.* which this index does not use"):
        imported(tmp_path / "new.db", tmp_path / "parts", chosen=other)
    with pytest.raises(InterchangeError, match="does not use"):
        imported(tmp_path / "new.db", tmp_path / "parts", chosen=None)
    with pytest.raises(InterchangeError, match="describes the model 'tiny' differently"):
        imported(tmp_path / "new.db", tmp_path / "parts", chosen=MODEL._replace(dimension=9))
    assert not any(contents_of(tmp_path / "new.db").values())


def test_of_one_name_the_one_made_last_stays_in_any_order(tmp_path: Path) -> None:
    made = (
        ("a", 1, "2026-01-02", row_of(1)),
        ("b", 2, "2026-01-01", row_of(2)),
        ("c", 1, "2026-01-02", row_of(3)),
        ("d", 1, "2026-01-02", row_of(4, fingerprint="e" * 64)),
    )
    for name, content, made_at, row in made:
        with Store.open(make_index(tmp_path / f"{name}.db", ANN), create=False) as store:
            store.names.put([Name("rex", (digest_of(content),), (row,))])
            store.connection.execute("UPDATE names SET made_at = ?", (made_at,))
        exported(tmp_path / f"{name}.db", tmp_path / name)
    seen = []
    for order in ("abcd", "dcba", "cadb"):
        for name in order:
            imported(tmp_path / f"{order}.db", tmp_path / name)
        seen.append(contents_of(tmp_path / f"{order}.db"))
        assert seen[-1]["names"] == [("rex", digest_of(1), "2026-01-02")]
        assert seen[-1] == seen[0]
    assert len(seen[0]["name_rows"]) == 2


def replaced(column: str, value: object) -> Callable[[pa.Table], pa.Table]:
    """Return what puts a value into the last row of a column."""

    def damage(table: pa.Table) -> pa.Table:
        number, field = table.schema.names.index(column), table.schema.field(column)
        values = [*table.column(column).to_pylist()[:-1], value]
        return table.set_column(number, field, [pa.array(values, field.type)])

    return damage


def with_schema(**metadata: str) -> Callable[[pa.Table], pa.Table]:
    """Return what changes the metadata of a table."""
    changed = {key.replace("_", ".").encode(): each for key, each in metadata.items()}
    return lambda table: table.replace_schema_metadata({**table.schema.metadata, **changed})


DAMAGES = {
    "path of a relative file": ("files", replaced("path", b"etc/passwd")),
    "path with dots": ("files", replaced("path", b"/a/../etc/passwd")),
    "path with a NUL": ("files", replaced("path", b"/a\0b")),
    "path of many bytes": ("files", replaced("path", b"/" + b"x" * 40_000)),
    "size below nothing": ("files", replaced("size_bytes", -1)),
    "embedding of length 2": (
        "embeddings",
        replaced("embedding", np.full(8, 2, np.float16) / np.float16(8**0.5)),
    ),
    "embedding of no number": ("embeddings", replaced("embedding", np.full(8, np.nan, np.float16))),
    "part below nothing": ("embeddings", replaced("part", -1)),
    "part of no end": ("embeddings", replaced("part", 1 << 40)),
    "fingerprint of nothing": ("embeddings", replaced("fingerprint", "x")),
    "rows of two models": ("embeddings", replaced("model", "another")),
    "dimension of another": ("embeddings", replaced("dimension", 9)),
    "row twice": ("embeddings", lambda table: pa.concat_tables([table, table.slice(4)])),
    "rows in disorder": ("embeddings", lambda table: table.take([4, 3, 2, 1, 0])),
    "source unknown": ("words", replaced("source", "rumour")),
    "text of a megabyte": ("words", replaced("text", "x" * (1 << 21))),
    "text with a NUL": ("words", replaced("text", "x\0")),
    "latitude beyond the pole": ("facts", replaced("latitude", 91.0)),
    "longitude of no number": ("facts", replaced("longitude", float("nan"))),
    "camera of many letters": ("facts", replaced("camera", "x" * 2000)),
    "column missing": ("facts", lambda table: table.drop_columns(["camera"])),
    "column of another type": (
        "facts",
        lambda table: table.set_column(1, "size_bytes", pa.array(["1"] * len(table))),
    ),
    "digest too short": (
        "facts",
        lambda table: table.set_column(0, "digest", pa.array([b"x" * 31] * 3, pa.binary(31))),
    ),
    "kind unknown": ("facts", with_schema(clipfind_kind="gossip")),
    "form to come": ("facts", with_schema(clipfind_form="2")),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_shard_that_is_not_as_it_should_be_is_refused_whole(tmp_path: Path, damage: str) -> None:
    exported(make_index(tmp_path / "ann.db", ANN), tmp_path / "parts")
    kind, change = DAMAGES[damage]
    path = tmp_path / "parts" / kind / "00000.parquet"
    pq.write_table(change(pq.read_table(path)), path)
    with pytest.raises(InterchangeError) as caught:
        imported(tmp_path / "new.db", tmp_path / "parts")
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not any(contents_of(tmp_path / "new.db").values())


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *(("name", value) for value in ("12", "a.b", "@rex")),
        *(
            ("row", value)
            for value in (b"", b"x" * 31, b"\0" * 32, b"\xff" * 32, b"\0" * (1 << 16))
        ),
        ("row", None),
        ("method", "guess"),
        ("method", None),
        ("fingerprint", "x"),
        ("digests", b"x" * 33),
    ],
)
def test_a_name_that_no_query_can_have_is_refused(
    tmp_path: Path, column: str, value: str | bytes | None
) -> None:
    source = make_index(tmp_path / "ann.db", ANN[:1])
    with Store.open(source, create=False) as store:
        store.names.put([*NAMES[1:]])
    exported(source, tmp_path / "parts")
    path = tmp_path / "parts" / "names" / "00000.parquet"
    pq.write_table(replaced(column, value)(pq.read_table(path)), path)
    with pytest.raises(InterchangeError, match=r"column|the row of the name @rex") as caught:
        imported(tmp_path / "new.db", tmp_path / "parts")
    assert str(path) in str(caught.value)
    assert not any(contents_of(tmp_path / "new.db").values())


@pytest.mark.parametrize("content", [b"", b"PAR1", b"PAR1" + b"\xff" * 100 + b"PAR1"])
def test_a_file_that_is_no_parquet_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "x.parquet").write_bytes(content)
    with pytest.raises(InterchangeError, match=r"x\.parquet: this file cannot be read"):
        imported(tmp_path / "new.db", tmp_path / "parts")


def test_every_cut_and_many_flipped_bits_are_refused_or_give_sound_rows(tmp_path: Path) -> None:
    exported(make_index(tmp_path / "ann.db", ANN), tmp_path / "parts")
    wanted = contents_of(tmp_path / "ann.db")["embeddings"]
    path = tmp_path / "parts/embeddings/00000.parquet"
    whole = path.read_bytes()
    random = np.random.default_rng(0)
    num_refused = 0
    for _ in range(150):
        content = bytearray(whole)
        content[random.integers(len(whole))] ^= 1 << random.integers(8)
        path.write_bytes(
            content[: random.integers(len(whole))] if random.random() < 0.2 else content
        )
        try:
            imported(tmp_path / "new.db", tmp_path / "parts")
        except InterchangeError:
            num_refused += 1
        else:
            assert contents_of(tmp_path / "new.db")["embeddings"] == wanted
    assert 80 < num_refused < 150


def test_rows_of_a_content_without_facts_are_refused(tmp_path: Path) -> None:
    exported(make_index(tmp_path / "ann.db", ANN), tmp_path / "parts")
    (tmp_path / "parts/facts/00000.parquet").unlink()
    with pytest.raises(InterchangeError, match=r"the facts of the picture .* in none of the files"):
        imported(tmp_path / "new.db", tmp_path / "parts")
    assert not any(contents_of(tmp_path / "new.db").values())
    imported(make_index(tmp_path / "same.db", ANN), tmp_path / "parts")


def test_a_folder_without_shards_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InterchangeError, match="no such folder"):
        imported(tmp_path / "new.db", tmp_path / "gone")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InterchangeError, match="no exported index"):
        imported(tmp_path / "new.db", tmp_path / "empty")


def test_an_index_of_nothing_is_exported_and_imported(tmp_path: Path) -> None:
    exported(make_index(tmp_path / "a.db", []), tmp_path / "parts")
    imported(tmp_path / "b.db", tmp_path / "parts")
    assert not contents_of(tmp_path / "b.db")["files"]


def test_the_manual_has_every_column_of_every_part() -> None:
    for kind, columns in COLUMNS.items():
        assert f"{kind} :: " in INTERCHANGE
        for column in columns:
            type_name = TYPE_NAMES[column.type] + ", may be missing" * column.is_optional
            assert f"{column.name} ({type_name})" in " ".join(INTERCHANGE.split())
