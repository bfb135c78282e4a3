"""The same pairs in every layout of a set."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from written_sets import LAYOUTS, drawn_pairs

from rclip_like.data.examples import Example
from rclip_like.data.options import PairOptions
from rclip_like.data.pairs import PairSource, open_pairs
from rclip_like.data.sets import open_set

PAIRS = drawn_pairs(7)


def found_in(source: PairSource) -> list[tuple[str, bytes, tuple[str, ...]]]:
    """Return the names, contents and captions of all pairs."""
    found = []
    for pair in source.pairs():
        assert isinstance(pair, Example), pair
        content = Path(pair.name).read_bytes() if pair.content is None else pair.content
        found.append((os.path.basename(pair.name).rpartition(":")[2], content, pair.captions))
    return found


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_same_pairs_in_the_same_order(tmp_path: Path, layout: str) -> None:
    source = open_pairs(LAYOUTS[layout](tmp_path / "data", PAIRS), PairOptions())
    expected = [(name, content, tuple(captions)) for name, (content, captions) in PAIRS.items()]
    assert found_in(source) == expected
    assert found_in(source) == expected
    assert source.labels == ()


@pytest.mark.parametrize("layout", LAYOUTS)
def test_evaluate_reads_what_train_reads(tmp_path: Path, layout: str) -> None:
    pictures = open_set(LAYOUTS[layout](tmp_path / "data", PAIRS))
    captions = [each.captions for each in pictures.examples() if isinstance(each, Example)]
    assert sorted(captions) == sorted(tuple(captions) for _, captions in PAIRS.values())
    assert (pictures.total, pictures.has_captions) == (7, True)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_format_is_said_in_a_phrase(tmp_path: Path, layout: str) -> None:
    source = open_pairs(LAYOUTS[layout](tmp_path / "data", PAIRS), PairOptions())
    assert source.format.startswith(("a folder of ", "a table of ", "a tar shard ", "3 tar shards"))
