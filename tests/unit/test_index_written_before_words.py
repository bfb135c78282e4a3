"""An index that clipfind itself wrote before there were words takes them without encoding.

`written_before_words` has three pictures and the index that clipfind made of them in form 6, with
the tiny model, when the folder was /then/album/Denmark 2018.
"""

from __future__ import annotations

import lzma
import os
import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from older_index import version_of
from small_index import SmallIndex, hide_changes, settle

from rclip_like.store import Store
from rclip_like.store.schema import VERSION, WORDS_SINCE

WRITTEN = Path(__file__).parents[1] / "written_before_words"


@pytest.fixture(params=["same files", "copies"])
def index(request: pytest.FixtureRequest, tmp_path: Path, tiny_model: Path) -> SmallIndex:
    """Return the index, opened with the tiny model; to it the files are the same or copies."""
    (tmp_path / "index.db").write_bytes(lzma.decompress((WRITTEN / "index.db.xz").read_bytes()))
    assert version_of(tmp_path / "index.db") == WORDS_SINCE - 1
    album = tmp_path / "album" / "Denmark 2018"
    album.mkdir(parents=True)
    for picture in WRITTEN.glob("*.jpg"):
        settle(Path(shutil.copy(picture, album)))
    index = SmallIndex(tmp_path / "index.db", tiny_model)
    for table in ("files", "roots"):
        index.store.connection.execute(
            f"UPDATE {table} SET path = CAST(replace(CAST(path AS TEXT), '/then', ?) AS BLOB)",
            (os.fspath(tmp_path),),
        )
    if request.param == "same files":
        device = (os.stat(album).st_dev,)
        index.store.connection.execute("UPDATE files SET device = ?", device)
        hide_changes(index.store)
    return index


def names_with(store: Store, word: str) -> list[tuple[str, str]]:
    """Return where the word stands, and in which files."""
    return sorted(
        (match.where, os.path.basename(os.fsdecode(file.path)))
        for match in store.words.matching([word])
        for file in store.files(match.file_ids)
    )


def test_it_takes_words_facts_and_places_without_encoding(
    index: SmallIndex, tmp_path: Path
) -> None:
    before = index.rows()
    assert names_with(index.store, "boat") == []
    report = index.update_without_encoder(tmp_path / "album")
    assert (report.encoded, report.failed, report.seen) == (0, 0, 3)
    assert report.words_read == 3
    assert names_with(index.store, "boat") == [("caption", "harbour.jpg")]
    assert ("name", "dogs.jpg") in names_with(index.store, "dogs")
    assert len(names_with(index.store, "denmark")) == 3
    assert version_of(tmp_path / "index.db") == VERSION
    dates = index.store.connection.execute("SELECT taken_at FROM contents ORDER BY taken_at")
    assert dates.fetchall() == [(None,), ("2018-07-14T12:00:00",), ("2019-03-02T08:00:00",)]
    if find_spec("reverse_geocode"):
        places = "SELECT country FROM places JOIN contents USING (place_id)"
        assert index.store.connection.execute(places).fetchall() == [("Denmark",)]
    after = index.rows()
    assert all(np.array_equal(before[path], row) for path, row in after.items())
    assert len(before) == len(after) == 3


def test_a_second_run_reads_nothing_again(index: SmallIndex, tmp_path: Path) -> None:
    index.update_without_encoder(tmp_path / "album")
    report = index.update_without_encoder(tmp_path / "album")
    assert (report.unchanged, report.reread, report.reused) == (3, 0, 0)
    unread = "SELECT count(*) FROM contents WHERE words_version IS NULL"
    assert index.store.connection.execute(unread).fetchone() == (0,)
