"""Saved searches from Python: what is new among matches, without a model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from rclip_like.errors import RootError, StoreError, UsageError
from rclip_like.library import Library
from rclip_like.store import saved
from rclip_like.store.saved import SavedSearch
from rclip_like.values import FileVersion, Match, SearchReport

pytestmark = pytest.mark.light


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    """Give a library whose index and model are not there."""
    with Library(tmp_path / "index.db", model="no-such-model") as library:
        yield library


def report(*numbers: int) -> SearchReport:
    """Return a report with a match for each number, which is its content's."""
    return SearchReport(
        tuple(
            Match(
                b"%d" % each,
                b"/%d" % each,
                0.5,
                each,
                "m",
                version=FileVersion(bytes([each]) * 32, 7),
            )
            for each in numbers
        )
    )


def _saved(library: Library) -> SavedSearch:
    assert library.save_search("x", ["--all", "--", "cat"], None)
    (found,) = library.saved_searches()
    assert library.saved_search("x") == found
    return found


def test_matches_are_new_until_they_are_remembered(library: Library) -> None:
    search = _saved(library)
    assert library.unseen(search, report(1, 2)) == report(1, 2)
    library.remember_seen(search, report(1, 2).matches)
    assert [match.rank for match in library.unseen(search, report(2, 3, 1)).matches] == [3]


def test_more_matches_than_are_remembered_are_refused(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(saved, "MOST_SEEN", 2)
    with pytest.raises(UsageError, match=r"x has 3 matches, and .* of 2 at most; ask for fewer"):
        library.unseen(_saved(library), report(1, 2, 3))


def test_a_path_that_was_never_there_is_refused(library: Library, tmp_path: Path) -> None:
    with pytest.raises(RootError, match="no such folder or file"):
        library.save_search("x", ["--", "cat"], [tmp_path / "no"])
    assert library.saved_searches() == []
    assert not library.database.exists()


def test_without_an_index_nothing_is_saved_and_none_is_made(library: Library) -> None:
    assert library.saved_search("x") is None
    assert not library.remove_search("x")
    with pytest.raises(StoreError):
        library.refuse_unwritable()
    assert not library.database.exists()
