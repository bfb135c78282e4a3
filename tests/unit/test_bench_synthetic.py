"""The made-up index of the benchmarks is one that a search takes for real."""

from __future__ import annotations

from pathlib import Path

from bench.synthetic import build_index

from rclip_like.library import Library
from rclip_like.models.specification import resolve
from rclip_like.settings import SearchSettings
from rclip_like.store import Store


def test_a_made_up_index_has_its_matrix_and_all_its_files(tmp_path: Path, tiny_model: Path) -> None:
    specification = resolve(str(tiny_model))
    build_index(tmp_path / "index.db", tmp_path / "album", 3000, specification)
    with Store.open(tmp_path / "index.db", create=False) as store:
        assert store.count_files() == 3000
        assert store.select(1, None).matrix is not None
    with Library(tmp_path / "index.db", model=str(tiny_model)) as library:
        every = SearchSettings(top=0)
        report = library.search("cat", [tmp_path / "album"], every, update=None)
        assert (len(report.matches), report.stale) == (3000, 0)
        year = library.search("cat", [tmp_path / "album" / "2013"], every, update=None)
        assert len(year.matches) == 1000
