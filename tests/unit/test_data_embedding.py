"""A set as embeddings: what is indexed is never encoded again."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from drawn_pairs import draw_picture
from labelled_sets import named, write_classes, write_files
from small_index import RefusingModel, SmallIndex, settle, shared_model

from rclip_like.data.embedding import EmbeddedSet, embed_set
from rclip_like.data.sets import open_set
from rclip_like.errors import DataError
from rclip_like.models.model import Model
from rclip_like.models.specification import resolve
from rclip_like.settings import EncoderSettings, ReadSettings
from rclip_like.store.embeddings import ModelEmbeddings

READ = ReadSettings(workers=2)
FP32 = EncoderSettings(batch_size=4, precision="fp32", device="cpu")


class CountingModel(Model):
    """Encodes as the model it is made of, and counts the pictures."""

    def __init__(self, model: Model) -> None:
        super().__init__(model.specification, FP32)
        self.counted = 0

    def pictures(self, pixels_NHWC: np.ndarray) -> np.ndarray:
        """Return the rows, having counted them."""
        self.counted += len(pixels_NHWC)
        return super().pictures(pixels_NHWC)


@pytest.fixture
def index(tmp_path: Path, tiny_model: Path) -> SmallIndex:
    return SmallIndex(tmp_path / "index.db", tiny_model)


def indexed(index: SmallIndex, folder: Path) -> ModelEmbeddings:
    """Return what is indexed once the folder is, its files being old."""
    for path in folder.rglob("*.png"):
        settle(path)
    index.update(folder)
    model_id = index.store.model_id(index.specification.fingerprint)
    assert model_id is not None
    return index.store.embeddings(model_id)


def embed(
    data: Path, model: Model, stored: ModelEmbeddings | None = None, **more: Any
) -> EmbeddedSet:
    return embed_set(open_set(data), model, stored, READ, **more)


def test_a_set_is_embedded_in_its_order(tmp_path: Path, tiny_model: Path) -> None:
    model = shared_model(tiny_model, FP32)
    data = write_classes(tmp_path, ["dog", "cat", "owl"], 3)
    progress: list[tuple[int, int | None]] = []
    found = embed(data, model, on_progress=lambda *at: progress.append(at))
    assert [Path(name).parent.name for name in found.names] == ["cat"] * 3 + ["dog"] * 3 + [
        "owl"
    ] * 3
    assert found.labels == ("cat", "dog", "owl")
    assert found.label_numbers.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert found.label_numbers.dtype == np.int64
    assert (found.rows.shape, found.rows.dtype) == ((9, 32), np.float32)
    assert (found.num_encoded, found.num_from_index, found.troubles) == (9, 0, ())
    assert sorted(progress) == [(number, 9) for number in range(1, 10)]
    for name, row in zip(found.names, found.rows, strict=True):
        alone = embed(write_files(tmp_path / "one", {"x/a.png": Path(name).read_bytes()}), model)
        np.testing.assert_allclose(alone.rows[0], row, atol=1e-6)


def test_what_is_indexed_is_not_encoded_again(tmp_path: Path, index: SmallIndex) -> None:
    data = write_classes(tmp_path / "data", ["dog", "cat"], 3)
    stored = indexed(index, data)
    found = embed(data, RefusingModel(index.specification), stored)
    assert (found.num_encoded, found.num_from_index) == (0, 6)
    fresh = embed(data, index.model)
    assert (fresh.num_encoded, fresh.num_from_index) == (6, 0)
    assert fresh.digests == found.digests
    np.testing.assert_allclose(fresh.rows, found.rows, atol=1e-3)
    np.testing.assert_allclose(np.linalg.norm(found.rows, axis=1), 1, atol=1e-6)


def test_only_what_is_new_or_has_changed_is_encoded(tmp_path: Path, index: SmallIndex) -> None:
    data = write_classes(tmp_path / "data", ["dog", "cat"], 3)
    stored = indexed(index, data)
    write_files(data, {"cat/1.png": draw_picture(20), "dog/new.png": draw_picture(21)})
    model = CountingModel(index.model)
    found = embed(data, model, stored)
    assert (found.num_encoded, found.num_from_index, model.counted) == (2, 5, 2)
    np.testing.assert_allclose(found.rows, embed(data, index.model).rows, atol=1e-3)


def test_a_copy_of_an_indexed_picture_is_not_encoded(tmp_path: Path, index: SmallIndex) -> None:
    stored = indexed(index, write_classes(tmp_path / "photos", ["dog", "cat"], 3))
    data = tmp_path / "copied"
    shutil.copytree(tmp_path / "photos", data)
    found = embed(data, RefusingModel(index.specification), stored)
    assert (found.num_encoded, found.num_from_index) == (0, 6)


def test_equal_contents_are_encoded_once_and_said_to_differ_in_their_labels(
    tmp_path: Path, tiny_model: Path
) -> None:
    files = {f"{label}/{number}.png": draw_picture(0) for label in "ab" for number in range(3)}
    model = CountingModel(shared_model(tiny_model, FP32))
    found = embed(write_files(tmp_path, files | {"a/other.png": draw_picture(1)}), model)
    assert (model.counted, found.num_encoded, len(found.rows)) == (2, 2, 7)
    assert (found.rows[[0, 1, 2, 4, 5, 6]] == found.rows[0]).all()
    assert found.notes == ("pictures identical to a picture with another label: 6",)


def test_a_damaged_row_is_encoded_anew(tmp_path: Path, index: SmallIndex) -> None:
    data = write_classes(tmp_path / "data", ["dog", "cat"], 2)
    stored = indexed(index, data)
    connection = index.store.connection
    with connection.transaction():
        changed = connection.execute(
            "UPDATE embeddings SET embedding = zeroblob(64) WHERE content_id ="
            " (SELECT content_id FROM files ORDER BY path LIMIT 1)"
        )
    assert changed.rowcount == 1
    model = CountingModel(index.model)
    found = embed(data, model, stored)
    assert (model.counted, found.num_from_index) == (1, 3)
    np.testing.assert_allclose(found.rows, embed(data, index.model).rows, atol=1e-3)


def test_features_of_the_tower_are_never_the_indexs(tmp_path: Path, index: SmallIndex) -> None:
    data = write_classes(tmp_path / "data", ["dog"], 5)
    found = embed(data, index.model, indexed(index, data), features="tower")
    assert (found.num_encoded, found.num_from_index) == (5, 0)
    assert (found.rows.shape[0], found.rows.dtype) == (5, np.float32)
    norms = np.linalg.norm(found.rows, axis=1)
    assert not np.allclose(norms, 1)


def test_a_bad_picture_costs_itself(tmp_path: Path, tiny_model: Path) -> None:
    data = write_classes(tmp_path, ["dog", "cat"], 2)
    write_files(data, {"cat/0a.png": b"no picture", "cat/9.png": draw_picture(1)[:200]})
    found = embed(data, shared_model(tiny_model, FP32))
    assert [Path(name).name for name in found.names] == ["0.png", "1.png"] * 2
    assert [name for name, _ in named(found.troubles)] == ["0a.png", "9.png"]
    assert found.label_numbers.tolist() == [0, 0, 1, 1]


def test_a_set_without_a_picture_that_can_be_read_is_an_error(
    tmp_path: Path, tiny_model: Path
) -> None:
    data = write_files(tmp_path, {"cat/a.png": b"no picture"})
    with pytest.raises(DataError, match=r"no picture can be used; the first is .*a\.png: "):
        embed(data, RefusingModel(resolve(str(tiny_model))))


class InterruptedModel(CountingModel):
    """Is interrupted from the keyboard while it encodes."""

    def pictures(self, pixels_NHWC: np.ndarray) -> np.ndarray:
        """Raise what Ctrl-C raises."""
        raise KeyboardInterrupt


def test_an_interrupt_ends_the_processes_that_read(tmp_path: Path, tiny_model: Path) -> None:
    data = write_classes(tmp_path, ["dog", "cat"], 9)
    model = InterruptedModel(shared_model(tiny_model, FP32))
    with pytest.raises(KeyboardInterrupt):
        embed(data, model)
    assert not [each for each in threading.enumerate() if each.name.startswith("reader")]
