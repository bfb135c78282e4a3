"""The matrix that indexing keeps beside the index, from a folder to the matches."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_index import SmallIndex, make_pictures

from rclip_like.library import Library
from rclip_like.settings import EncoderSettings, SearchSettings
from rclip_like.store.matrix import stamp
from rclip_like.store.writing import Writer

FP32 = EncoderSettings(precision="fp32", device="cpu")


@pytest.fixture(autouse=True)
def _large_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stamp, "FEWEST_ROWS", 2)


def test_a_run_leaves_a_matrix_that_answers_as_the_rows_do(
    tmp_path: Path, tiny_model: Path
) -> None:
    make_pictures(tmp_path / "album", 12)
    with Library(tmp_path / "index.db", model=str(tiny_model), encoder=FP32) as library:
        assert library.index([tmp_path / "album"]).encoded == 12
        assert len(stamp.files_of(tmp_path / "index.db")) == 2
        everything = SearchSettings(top=0)
        found = library.search("cat", [tmp_path / "album"], everything, update=None).matches
        for path in stamp.files_of(tmp_path / "index.db"):
            path.unlink()
        plain = library.search("cat", [tmp_path / "album"], everything, update=None).matches
    assert [match.path for match in found] == [match.path for match in plain]
    for one, other in zip(found, plain, strict=True):
        assert one.score == pytest.approx(other.score, abs=1e-6)


def test_a_run_that_finds_nothing_new_mends_a_lost_matrix(tmp_path: Path, tiny_model: Path) -> None:
    make_pictures(tmp_path / "album", 12)
    index = SmallIndex(tmp_path / "index.db", tiny_model)
    index.update(tmp_path / "album")
    model_id = index.store.model_id(index.specification.fingerprint)
    assert model_id is not None
    stamp.files_of(tmp_path / "index.db")[-1].unlink()  # the rows
    assert index.store.select(model_id, None).matrix is None
    index.update_without_encoder(tmp_path / "album")
    assert index.store.select(model_id, None).matrix is not None
    index.store.close()


def test_a_matrix_grows_while_a_long_run_goes_on(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_pictures(tmp_path / "album", 24)
    index = SmallIndex(tmp_path / "index.db", tiny_model, batch_size=4)
    due: list[bool | None] = []
    real = Writer.extend_matrix
    monkeypatch.setattr(
        Writer, "extend_matrix", lambda self, number: due.append(real(self, number))
    )
    index.update(tmp_path / "album")
    assert due.count(True) > 2
    index.store.close()
