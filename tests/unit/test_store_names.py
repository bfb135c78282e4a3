"""Names of one's own in the index."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rclip_like.errors import StoreError
from rclip_like.store import Store
from rclip_like.store.names import Name, NameRow

pytestmark = pytest.mark.light


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with Store.open(tmp_path / "index.db", create=True) as store:
        yield store


def named(word: str, *numbers: int, fingerprint: str = "f" * 64) -> Name:
    row = np.eye(4, dtype=np.float32)[0]
    digests = tuple(number.to_bytes(32, "little") for number in numbers)
    return Name(word, digests, (NameRow("tiny", fingerprint, "mean", row),))


def test_a_name_keeps_its_pictures_and_its_row(store: Store) -> None:
    assert store.names.put([named("rex", 1, 2)]) == []
    found = store.names.find("rex")
    assert found is not None
    assert (found.name, found.digests) == ("rex", named("rex", 1, 2).digests)
    row = found.row_for("f" * 64)
    assert row is not None
    assert (row.model, row.method, row.embedding.tolist()) == ("tiny", "mean", [1, 0, 0, 0])
    assert found.row_for("0" * 64) is None
    assert len(found.made_at) == len("2026-11-30 08:15:00")
    assert (store.names.spellings(), store.names.find("max")) == (["rex"], None)


def test_one_taken_name_keeps_all_of_them_out_unless_it_is_replaced(store: Store) -> None:
    store.names.put([named("rex", 1, fingerprint="e" * 64)])
    assert store.names.put([named("max", 2), named("rex", 3)]) == ["rex"]
    assert store.names.spellings() == ["rex"]
    assert store.names.put([named("max", 2), named("rex", 3)], replace=True) == []
    found = store.names.find("rex")
    assert found is not None
    assert [row.fingerprint for row in found.rows] == ["f" * 64]
    assert store.names.remove("rex")
    assert not store.names.remove("rex")
    assert store.connection.execute("SELECT count(*) FROM name_rows").fetchone() == (1,)


def test_a_damaged_row_is_left_out_as_it_can_be_made_anew(store: Store) -> None:
    store.names.put([named("rex", 1)])
    store.connection.execute("UPDATE name_rows SET embedding = zeroblob(16)")
    found = store.names.find("rex")
    assert found is not None
    assert found.rows == ()


def test_a_name_with_half_a_digest_is_told_with_what_would_help(store: Store) -> None:
    store.names.put([named("rex", 1)])
    store.connection.execute("UPDATE names SET digests = zeroblob(31)")
    with pytest.raises(StoreError, match="@rex is damaged; remove it, rex, with"):
        store.names.find("rex")
    assert store.names.remove("rex")
