"""Doctor: what it finds on indexes that something happened to, and what it mends."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from small_index import fill

from rclip_like.errors import Remedy, StoreError
from rclip_like.models.towers import tokenizer
from rclip_like.reports import DoctorReport, Finding
from rclip_like.store import Store
from rclip_like.store.names import Name, NameRow
from rclip_like.store.writing import Writer
from rclip_like.upkeep.doctor import CHECKS, examine


@pytest.fixture
def database(tmp_path: Path) -> Path:
    path = tmp_path / "index.db"
    with Store.open(path, create=True) as store:
        fill(store, [b"/%04d.jpg" % number for number in range(600)])
        store.embeddings(1).cache_text("cat", np.eye(8, dtype=np.float32)[0], tokenizer="t")
    return path


def spoil(database: Path, *statements: str) -> None:
    """Change an index as no clipfind would."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        before = connection.total_changes
        for statement in statements:
            connection.execute(statement)
        assert connection.total_changes > before or "writable_schema" in statements[0]


def of_index(report: DoctorReport) -> list[Finding]:
    """Return the findings on the index that are not well; its model is a made-up one."""
    return [f for f in report.findings if f.state != "ok" and f.check in ("index", "rows")]


def snapshot(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_sound_index_is_well_and_looking_changes_nothing(database: Path) -> None:
    before = snapshot(database.parent)
    report = examine(database, None)
    assert of_index(report) == []
    assert {finding.check for finding in report.findings} == set(CHECKS)
    assert snapshot(database.parent) == before


def test_no_index_yet_is_no_problem_and_none_is_made(tmp_path: Path) -> None:
    assert of_index(examine(tmp_path / "index.db", None, mend=True)) == []
    assert not (tmp_path / "index.db").exists()


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("DELETE FROM contents WHERE content_id <= 3", "3 rows of files"),
        (
            "UPDATE embeddings SET embedding = x'00' WHERE content_id = 5",
            "1 embeddings are damaged",
        ),
        ("UPDATE embeddings SET embedding = zeroblob(16) WHERE content_id < 5", "4 embeddings"),
        (f"UPDATE embeddings SET embedding = x'{'ff7f' * 8}' WHERE content_id = 1", "1 embeddings"),
        ("INSERT INTO readings VALUES (1, 999, 'PNG 2', NULL)", "1 row of readings"),
        ("UPDATE texts SET embedding = x'00'", "1 remembered texts"),
        ("INSERT INTO texts VALUES (99, 'dog', x'00', NULL)", "1 row of texts"),
    ],
)
def test_rows_that_do_not_agree_are_found_and_mended_after_a_copy(
    database: Path, statement: str, words: str
) -> None:
    spoil(database, statement)
    spoilt = snapshot(database.parent)
    assert any(words in finding.text for finding in of_index(examine(database, None)))
    assert snapshot(database.parent) == spoilt
    report = examine(database, None, mend=True)
    assert of_index(report) == []
    (copy,) = database.parent.glob("index.db.before-repair-*")
    assert str(copy) in report.repaired[0]
    with closing(sqlite3.connect(copy)) as old:
        assert old.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert examine(database, None, mend=True).repaired == ()


def test_the_next_run_encodes_what_a_repair_dropped(database: Path) -> None:
    spoil(database, "UPDATE embeddings SET embedding = zeroblob(16) WHERE content_id < 5")
    examine(database, None, mend=True)
    with Store.open(database, create=False) as store:
        unsettled = [row for page in store.indexed_facts(1, None) for row in page if row[4] is None]
        assert len(unsettled) == 4
        assert store.count_files() == 600


def test_an_index_of_sqlite_that_lost_rows_is_made_anew(database: Path) -> None:
    # Told that the index is another one, SQLite writes new rows past the old one.
    spoil(
        database,
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_master SET sql = replace(sql, '(content_id)', '(content_id) WHERE 0')"
        " WHERE name = 'files_content_id'",
    )
    spoil(database, "DELETE FROM files WHERE file_id < 9")
    spoil(
        database,
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_master SET sql = replace(sql, ' WHERE 0', '')"
        " WHERE name = 'files_content_id'",
    )
    assert any("files_content_id" in finding.text for finding in of_index(examine(database, None)))
    report = examine(database, None, mend=True)
    assert any("indexes made anew" in sentence for sentence in report.repaired)
    assert of_index(report) == []


def test_an_index_beyond_repair_is_told_to_be_moved_away(database: Path) -> None:
    size = database.stat().st_size
    os.truncate(database, size // 8192 // 3 * 8192)
    report = examine(database, None, mend=True)
    assert any("move it" in f"{finding.text} {finding.remedy}" for finding in of_index(report))
    assert len(report.findings) > len(of_index(report)) + 5


def test_garbage_in_place_of_the_index_is_a_problem_and_stays_untouched(tmp_path: Path) -> None:
    (tmp_path / "index.db").write_bytes(b"garbage" * 1000)
    report = examine(tmp_path / "index.db", None, mend=True)
    assert "not an index of clipfind" in of_index(report)[0].text
    assert (tmp_path / "index.db").read_bytes() == b"garbage" * 1000


def test_a_missing_table_is_found(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("DROP VIEW paths")
        connection.execute("DROP INDEX contents_size_bytes")
    (finding,) = of_index(examine(database, None))
    assert "contents_size_bytes, paths" in finding.text


def test_damage_that_stops_the_check_itself_keeps_the_findings(database: Path) -> None:
    with closing(sqlite3.connect(database)) as connection:
        question = "SELECT rootpage FROM sqlite_master WHERE rootpage > 3"
        pages = [page for (page,) in connection.execute(question)]
    with open(database, "r+b") as file:
        for page in pages:
            file.seek((page - 1) * 8192)
            file.write(b"\xff" * 64)
    report = examine(database, None, mend=True)
    assert any(finding.state == "problem" for finding in of_index(report))
    assert [line.split(":")[0] for line in report.repaired] == ["not repaired"]
    assert list(database.parent.glob("*before-repair*")) == []
    assert len(report.findings) > len(of_index(report)) + 5


def test_a_picture_that_lost_one_part_is_encoded_anew_in_all(database: Path) -> None:
    spoil(
        database,
        "INSERT INTO embeddings (model_id, part, content_id, embedding)"
        " SELECT model_id, 1, content_id, zeroblob(16) FROM embeddings WHERE content_id = 5",
    )
    examine(database, None, mend=True)
    with closing(sqlite3.connect(database)) as connection:
        question = "SELECT count(*) FROM embeddings WHERE content_id = 5"
        assert connection.execute(question).fetchone() == (0,)


def test_what_is_dropped_counts_as_never_read(database: Path) -> None:
    spoil(
        database,
        "INSERT INTO readings SELECT 1, content_id, 'TIFF 2', x'01' FROM contents",
        "UPDATE embeddings SET embedding = zeroblob(16) WHERE content_id < 5",
    )
    examine(database, None, mend=True)
    with closing(sqlite3.connect(database)) as connection:
        assert connection.execute("SELECT count(*) FROM readings").fetchone() == (596,)


def test_digests_that_an_older_version_did_not_write_are_noted_without_a_copy(
    database: Path,
) -> None:
    spoil(database, "UPDATE embeddings SET row_digest = NULL WHERE content_id < 5")
    report = examine(database, None, mend=True)
    assert report.repaired == ("4 embeddings of an older version given the digests they lacked",)
    with closing(sqlite3.connect(database)) as connection:
        question = "SELECT count(*) FROM embeddings WHERE row_digest IS NULL"
        assert connection.execute(question).fetchone() == (0,)


def test_damaged_merges_of_the_tokenizer_are_a_problem(
    database: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tokenizer, "__file__", str(tmp_path / "tokenizer.py"))
    (tmp_path / "clip_merges.bin").write_bytes(b"damaged")
    tokenizer.load_merges.cache_clear()
    found = [f for f in examine(database, None).findings if f.check == "tokenizer"]
    assert [finding.state for finding in found] == ["problem"]
    assert "install clipfind anew" in found[0].text


def test_a_matrix_of_a_model_that_is_gone_is_dropped(database: Path) -> None:
    spoil(
        database,
        "PRAGMA foreign_keys = OFF",
        "INSERT INTO matrices VALUES (77, 'rows-x', 0, 0, 'order-x', 0, 0, 0, 0, 0, 0)",
    )
    assert len(of_index(examine(database, None))) == 1
    assert of_index(examine(database, None, mend=True)) == []


@pytest.mark.parametrize("name", [".index.db.abcd1234", "index.db.before-repair-2026.part"])
def test_drafts_that_a_kill_left_are_found_and_removed_young_ones_stay(
    database: Path, name: str
) -> None:
    old = database.with_name(name)
    young = database.with_name(".index.db.abcd5678-wal")
    other = database.with_name(".index.db.mine")
    for path in (old, young, other):
        path.touch()
    os.utime(old, (1, 1))
    os.utime(other, (1, 1))
    found = [f for f in examine(database, None).findings if "a draft that" in f.text]
    assert [(finding.state, str(old) in finding.text) for finding in found] == [("warning", True)]
    assert examine(database, None, mend=True).repaired == (f"{old}: removed",)
    assert [path.exists() for path in (old, young, other)] == [False, True, True]


def test_damaged_names_are_told_and_their_rows_dropped_after_a_copy(database: Path) -> None:
    def found_of_names() -> tuple[list[str], list[str]]:
        report = examine(database, None, mend=False)
        found = [each for each in report.findings if each.check == "names"]
        return [each.state for each in found], [each.text for each in found]

    assert found_of_names() == (["ok"], ["none"])
    row = NameRow("tiny", "f" * 64, "probe", np.eye(8, dtype=np.float32)[0])
    with Store.open(database, create=False) as store:
        store.names.put([Name("rex", (b"d" * 32,), (row,)), Name("robin", (), (row,))])
    assert found_of_names() == (["ok"], ["2 names, all whole"])
    spoil(
        database,
        "UPDATE name_rows SET embedding = x'00' WHERE name = 'rex'",
        "UPDATE names SET digests = x'00' WHERE name = 'robin'",
        "INSERT INTO name_rows SELECT 'gone', fingerprint, model, method, embedding, row_digest"
        " FROM name_rows WHERE name = 'robin'",
    )
    assert found_of_names() == (
        ["problem", "problem"],
        [
            "@robin: damaged, it stands for nothing",
            "2 rows of names damaged; a name without its row is made anew from its pictures",
        ],
    )
    copied, dropped = examine(database, None, mend=True).repaired
    assert "a copy from before the repair" in copied
    assert dropped == "2 damaged rows of names dropped"
    assert found_of_names() == (["problem"], ["@robin: damaged, it stands for nothing"])
    with Store.open(database, create=False) as store:
        rex = store.names.find("rex")
        assert rex is not None
        assert (rex.digests, rex.rows) == ((b"d" * 32,), ())


def test_the_log_of_an_index_that_is_not_there_is_a_warning(tmp_path: Path) -> None:
    (tmp_path / "index.db-wal").write_bytes(b"x")
    found = examine(tmp_path / "index.db", None).findings
    log = next(f for f in found if f.check == "files beside it")
    assert log.state == "warning"
    assert "index.db-wal: the log of an index that is not there" in log.text


def test_a_process_that_writes_now_is_named(database: Path) -> None:
    with Store.open(database, create=False) as store, store.writing(wait=False):
        texts = [finding.text for finding in examine(database, None).findings]
    assert f"process {os.getpid()} writes to the index now" in texts


def test_models_that_this_machine_lacks_are_named(database: Path, own_folders: Path) -> None:
    with Store.open(database, create=False) as store:
        Writer(store).add_model("builtin", "b" * 64, preprocessing_version="1", dimension=8)
        Writer(store).add_model("RN50/openai", "c" * 64, preprocessing_version="1", dimension=8)
    found = [f for f in examine(database, None).findings if f.check == "models"]
    assert [finding.state for finding in found] == ["warning"] * 3
    assert "another version of it" in found[1].text
    assert "fetch the model RN50/openai" in found[2].remedy


def test_a_default_model_that_is_not_there_is_a_problem(database: Path) -> None:
    (finding,) = [f for f in examine(database, "RN50/openai").findings if f.check == "model"]
    assert finding.state == "problem"
    assert (Remedy.USE_MODEL, "RN50/openai") in finding.remedies


def test_half_a_download_is_a_warning(database: Path, own_folders: Path) -> None:
    (own_folders / "data_dir" / "models" / ".RN50--openai.partial").mkdir(parents=True)
    found = [f for f in examine(database, None).findings if f.check == "downloads"]
    assert [finding.state for finding in found] == ["warning", "ok"]


def test_a_model_whose_weights_have_gone_from_the_cache_is_a_warning(
    database: Path, own_folders: Path, tiny_model: Path
) -> None:
    folder = shutil.copytree(tiny_model, own_folders / "data_dir" / "models" / "RN50--openai")
    weights = folder / "open_clip_model.safetensors"
    weights.unlink()
    weights.symlink_to(own_folders / "gone")
    found = [f for f in examine(database, None).findings if f.check == "downloads"]
    assert [finding.state for finding in found] == ["warning", "ok"]
    assert str(folder) in found[0].text
    assert "fetch the model" in found[0].remedy


def test_a_repair_without_room_for_the_copy_changes_nothing(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil(database, "UPDATE embeddings SET embedding = x'00' WHERE content_id = 5")
    before = snapshot(database.parent)

    def fail(old: sqlite3.Connection, place: Path) -> None:
        raise StoreError(f"{place}: the disk is full")

    monkeypatch.setattr("rclip_like.store.opening.back_up", fail)
    with pytest.raises(StoreError):
        examine(database, None, mend=True)
    after = snapshot(database.parent)
    assert {name: after[name] for name in before if "lock" not in name} == {
        name: before[name] for name in before if "lock" not in name
    }


def test_an_index_on_a_medium_that_takes_no_writes_is_examined(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = examine(database, None).findings
    monkeypatch.setattr("rclip_like.store.opening._is_on_readonly_medium", lambda path: True)
    findings = examine(database, None).findings
    assert findings == before
