"""Parts of a run: kept whole, found by their key, and never more than data."""

from __future__ import annotations

import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from rclip_like.errors import MeasureError
from rclip_like.measure.suite.parts import Parts

ARRAYS = {"rows": np.arange(6, dtype=np.float32).reshape(2, 3), "right": np.array([True, False])}


def test_a_part_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    Parts(tmp_path, "key").save("clean", ARRAYS)
    kept = Parts(tmp_path, "key").load("clean")
    assert kept is not None
    assert kept.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(kept[name], array)
        assert kept[name].dtype == array.dtype


def test_a_part_of_another_key_is_missing(tmp_path: Path) -> None:
    Parts(tmp_path, "key").save("clean", ARRAYS)
    assert Parts(tmp_path, "another").load("clean") is None
    assert Parts(tmp_path, "key").load("other") is None


@pytest.mark.parametrize("size", [0, 10, 100, -1, -30])
def test_a_part_that_was_cut_is_missing(tmp_path: Path, size: int) -> None:
    Parts(tmp_path, "key").save("clean", ARRAYS)
    path = tmp_path / "clean.npz"
    path.write_bytes(path.read_bytes()[:size])
    assert Parts(tmp_path, "key").load("clean") is None


def test_every_changed_byte_leaves_the_same_arrays_or_none(tmp_path: Path) -> None:
    parts, path = Parts(tmp_path, "key"), tmp_path / "clean.npz"
    parts.save("clean", ARRAYS)
    whole = path.read_bytes()
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        kept = parts.load("clean")
        if kept is not None and kept.keys() == ARRAYS.keys():
            for name, array in ARRAYS.items():
                np.testing.assert_array_equal(kept[name], array)


def test_a_pickle_is_not_loaded(tmp_path: Path) -> None:
    class Harmful:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "harmed",))

    with zipfile.ZipFile(tmp_path / "clean.npz", "w") as file:
        header = (
            b"\x93NUMPY\x01\x00\x46\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,), }"
        )
        file.writestr("key.npy", header.ljust(79) + b"\n" + pickle.dumps([Harmful()]))
    assert Parts(tmp_path, "key").load("clean") is None
    assert not (tmp_path / "harmed").exists()


def test_without_a_folder_nothing_is_kept() -> None:
    parts = Parts(None, "key")
    parts.save("clean", ARRAYS)
    assert parts.load("clean") is None


def test_a_folder_that_takes_no_files_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MeasureError, match="cannot be written"):
        Parts(tmp_path / "file" / "parts", "key").save("clean", ARRAYS)
