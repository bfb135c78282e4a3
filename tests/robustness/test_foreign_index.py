"""An index that comes from elsewhere: nothing in it runs, hangs a run or fills the disk."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from processes import run, write_pictures

from rclip_like.store import first_tables, migrations, schema
from rclip_like.store.connection import Connection

ENDLESS = "WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r)"
LOOSE = ("PRAGMA legacy_alter_table = ON", "ALTER TABLE {0} RENAME TO old", "{1}")
FOREIGN = {
    "a view that never ends": (
        "DROP TABLE settings",
        f"CREATE VIEW settings AS {ENDLESS} SELECT x || '' AS name, 'b' AS value FROM r",
    ),
    "a view in place of the files": (
        *(each.format("files", "CREATE VIEW files AS SELECT * FROM old") for each in LOOSE),
    ),
    "a table that holds anything": (
        *(each.format("models", "CREATE TABLE models AS SELECT * FROM old") for each in LOOSE),
        "UPDATE models SET dimension = 'abc'",
    ),
    "hidden pictures that never end": (
        "DROP TABLE hidden",
        f"CREATE VIEW hidden AS {ENDLESS} SELECT x AS digest, '' AS hidden_at FROM r",
    ),
    "a trigger that fills the disk": (
        "CREATE TRIGGER big AFTER INSERT ON texts BEGIN INSERT INTO settings"
        " SELECT 'k' || x, hex(zeroblob(1000000)) FROM"
        f" ({ENDLESS} SELECT x FROM r LIMIT 100000); END",
    ),
    "a trigger of ours with another body": (
        "DROP TRIGGER matrix_forgets_deleted",
        "CREATE TRIGGER matrix_forgets_deleted AFTER DELETE ON embeddings"
        " BEGIN DELETE FROM files; END",
    ),
}
PLACE_WITH_LINES = """
    INSERT OR REPLACE INTO places VALUES (1, 'NO', 'a' || char(10) || 'b', '', '', '');
    UPDATE contents SET place_id = 1
"""


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("good")
    write_pictures(folder / "pictures")
    made = run("index", folder / "pictures", "--db", folder / "index.db")
    assert made.returncode == 0, made.stderr.decode()
    return folder


def spoil(database: Path, statements: Sequence[str]) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        for statement in statements:
            connection.executescript(statement)


@pytest.mark.parametrize("command", ["search", "index", "status", "doctor", "prune"])
@pytest.mark.parametrize("kind", FOREIGN)
def test_what_is_not_ours_in_an_index_is_refused_before_it_is_asked(
    good: Path, tmp_path: Path, kind: str, command: str
) -> None:
    database = Path(shutil.copy(good / "index.db", tmp_path / "index.db"))
    spoil(database, FOREIGN[kind])
    query = ("cat",) if command == "search" else ()
    paths = () if command == "doctor" else (good / "pictures",)
    done = run(command, *query, *paths, "--db", database, timeout=60)
    assert done.returncode == 2
    told = done.stdout if command == "doctor" else done.stderr
    assert b"was not made by clipfind" in told
    assert b"unexpected" not in done.stderr
    assert database.stat().st_size < 4_000_000


@pytest.mark.parametrize(
    ("statement", "command"),
    [
        ("INSERT OR REPLACE INTO settings VALUES ('verifying_since_ns', 'x')", "index --verify"),
        (f"INSERT OR REPLACE INTO settings VALUES ('verifying_since_ns', '{'9' * 5000}')", "index"),
        ("UPDATE models SET dimension = -1", "doctor"),
        ("UPDATE models SET dimension = 4611686018427387904", "doctor"),
        ("UPDATE files SET path = CAST('/a' || char(0) || file_id AS BLOB)", "prune"),
        ("UPDATE files SET path = CAST('/a' || char(0) || file_id AS BLOB)", "search cat --all -n"),
        ("UPDATE roots SET path = CAST('/a' || char(0) AS BLOB)", "index --all"),
        ("PRAGMA user_version = 2", "index"),
        ("UPDATE contents SET latitude = 10, longitude = 9e999", "search cat -n --near 10,10"),
        (PLACE_WITH_LINES, "search cat -n"),
    ],
)
def test_odd_values_in_an_index_are_no_fault_of_ours(
    good: Path, tmp_path: Path, statement: str, command: str
) -> None:
    database = Path(shutil.copy(good / "index.db", tmp_path / "index.db"))
    spoil(database, [statement])
    paths = () if "--all" in command or command == "doctor" else (good / "pictures",)
    done = run(*command.split(), *paths, "--db", database, timeout=60)
    assert done.returncode in (0, 1, 2)
    assert b"unexpected" not in done.stderr
    assert b"Traceback" not in done.stderr


def test_the_triggers_known_are_those_that_the_migrations_make(tmp_path: Path) -> None:
    statements = (*first_tables.MATRIX_TRIGGERS, *migrations._DIGESTS)
    triggers = [each for each in statements if each.lstrip().startswith("CREATE TRIGGER")]
    assert {schema.digest_of(each) for each in triggers} == schema.TRIGGERS
    with closing(Connection(tmp_path / "index.db", "mode=rwc")) as connection:
        migrations.migrate(connection)
        made = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        schema.refuse_foreign(connection)
    assert {name for (name,) in made if not name.startswith(("sqlite_", "_"))} == schema.TABLES


def test_tables_of_other_programs_stay_theirs(good: Path, tmp_path: Path) -> None:
    database = Path(shutil.copy(good / "index.db", tmp_path / "index.db"))
    spoil(database, ["CREATE TABLE notes (text)", "CREATE VIEW seen AS SELECT path FROM files"])
    found = run("search", "cat", good / "pictures", "--db", database)
    assert found.returncode == 0, found.stderr.decode()
