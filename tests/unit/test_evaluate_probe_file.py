"""A probe's file: the round trip, what is refused, and the model that it goes with."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from rclip_like.errors import ModelError
from rclip_like.evaluate.probe_file import (
    Probe,
    is_usable_label,
    read_probe,
    shared_name,
    write_probe,
)
from rclip_like.evaluate.report import Interval
from rclip_like.models.specification import resolve

NOTE = "clipfind_probe"


def _probe() -> Probe:
    random = np.random.default_rng(0)
    return Probe(
        weights=random.normal(size=(3, 5)).astype(np.float32),
        intercept=random.normal(size=3).astype(np.float32),
        labels=("cat", "red car", "Ärger"),
        model="builtin",
        fingerprint=resolve("builtin").fingerprint,
        features="index",
        c=10.0,
        penalty=0.01,
        num_pictures=10,
        num_tested=4,
        accuracy=Interval(0.75, 0.3, 0.95),
        made_at="2026-11-29",
        clipfind="0.1.0",
    )


@pytest.fixture
def written(tmp_path: Path) -> Path:
    write_probe(tmp_path / "p.safetensors", _probe())
    return tmp_path / "p.safetensors"


def _rewritten(path: Path, tensors: dict[str, Any] | None = None, **changes: Any) -> Path:
    """Write the file again with other tensors, and a note in which ... takes a field away."""
    kept = load_file(path)
    note = json.loads(_header(path)["__metadata__"][NOTE]) | changes
    note = {name: value for name, value in note.items() if value is not ...}
    save_file(kept | (tensors or {}), path, metadata={NOTE: json.dumps(note)})
    return path


def _header(path: Path) -> dict[str, Any]:
    content = path.read_bytes()
    header: dict[str, Any] = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return header


def test_a_probe_comes_back_as_it_was_written(written: Path) -> None:
    found, expected = read_probe(written), _probe()
    assert found[2:] == expected[2:]
    assert found.weights.tobytes() == expected.weights.tobytes()
    assert found.intercept.tobytes() == expected.intercept.tobytes()
    assert found.dimension == 5


def test_weights_that_lie_by_columns_come_back_as_they_are(tmp_path: Path) -> None:
    turned = _probe()._replace(weights=np.asfortranarray(_probe().weights))
    write_probe(tmp_path / "p.safetensors", turned)
    assert np.array_equal(read_probe(tmp_path / "p.safetensors").weights, _probe().weights)


def test_a_probe_without_a_test_comes_back_without_an_accuracy(tmp_path: Path) -> None:
    path = tmp_path / "p.safetensors"
    write_probe(path, _probe()._replace(accuracy=None, num_tested=0))
    assert read_probe(path).accuracy is None


def test_two_files_of_one_probe_are_equal(written: Path, tmp_path: Path) -> None:
    write_probe(tmp_path / "again.safetensors", _probe())
    assert (tmp_path / "again.safetensors").read_bytes() == written.read_bytes()


def test_probabilities_are_the_softmax_of_the_logits() -> None:
    probe = _probe()
    rows = np.random.default_rng(1).normal(size=(4, 5)).astype(np.float32)
    logits = rows.astype(np.float64) @ probe.weights.T.astype(np.float64) + probe.intercept
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert np.allclose(probe.probabilities(rows), expected, atol=1e-12)
    large = probe._replace(weights=probe.weights * 1e5)
    assert np.isfinite(large.probabilities(rows)).all()


@pytest.mark.skipif(os.name == "nt", reason="Windows has no umask")
def test_a_probe_is_for_whom_the_umask_lets_read(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        write_probe(tmp_path / "p.safetensors", _probe())
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "p.safetensors").stat().st_mode) == 0o640


def test_a_probe_of_another_model_is_refused_and_names_its_own(tiny_model: Path) -> None:
    probe = _probe()
    probe.require_model(resolve("builtin"))
    with pytest.raises(ModelError, match="fitted with the model builtin") as caught:
        probe.require_model(resolve(str(tiny_model)))
    assert str(caught.value).endswith("name that model, builtin, as the library's")


def test_of_a_model_folder_a_probe_keeps_the_last_part_of_its_path(tiny_model: Path) -> None:
    assert shared_name(resolve(str(tiny_model))) == "./tiny"
    assert shared_name(resolve("builtin")) == "builtin"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"version": 2}, "it has version 2, but this clipfind reads 1"),
        ({"version": ...}, "its version is null"),
        ({"labels": ["cat", "cat", "dog"]}, "a label is repeated"),
        ({"labels": ["cat", "Cat", "dog"]}, "a label is repeated"),
        ({"labels": ["cat", "dog"]}, r"its weights have the shape \(3, 5\), not \(2, 5\)"),
        ({"labels": ["cat"]}, "it must have 2 to 100,000 labels"),
        ({"labels": ["x"] * 100_001}, "it must have 2 to 100,000 labels"),
        ({"labels": ["cat", "dog", "\x1b[31m"]}, r"'\\x1b\[31m' is not a label"),
        ({"labels": ["cat", "dog", " "]}, "' ' is not a label"),
        ({"labels": ["cat", "dog", "a\nb"]}, "is not a label"),
        ({"labels": ["cat", "dog", 3]}, "3 is not a label"),
        ({"labels": {"cat": 1}}, "it must have 2"),
        ({"dimension": -5}, "its dimension is -5"),
        ({"dimension": True}, "its dimension is true"),
        ({"fingerprint": "../x"}, "its fingerprint is"),
        ({"model": "\x1b]0;x\x07"}, "its model is"),
        ({"features": "pixels"}, "its features is 'pixels'"),
        ({"c": 0}, "its c is 0"),
        ({"c": "1"}, "its c is '1'"),
        ({"accuracy": [0.1, 0.2]}, "its accuracy is"),
        ({"accuracy": [2, 0, 0]}, "its accuracy is"),
        ({"made_at": "yesterday"}, "its made_at is"),
    ],
)
def test_a_note_that_makes_no_sense_is_refused(
    written: Path, changes: dict[str, Any], reason: str
) -> None:
    before = written.read_bytes()
    _rewritten(written, **changes)
    assert written.read_bytes() != before
    with pytest.raises(ModelError, match=reason):
        read_probe(written)


@pytest.mark.parametrize(
    ("tensors", "reason"),
    [
        ({"weights": np.full((3, 5), np.nan, np.float32)}, "its weights are not all numbers"),
        ({"intercept": np.array([0, np.inf, 0], np.float32)}, "its intercept are not all numbers"),
        ({"weights": np.zeros((3, 5), np.float64)}, "it has no weights in float32"),
        ({"weights": np.zeros((3, 5), np.float16)}, "it has no weights in float32"),
        ({"weights": np.zeros((5, 3), np.float32)}, r"shape \(5, 3\), not \(3, 5\)"),
        ({"intercept": np.zeros((3, 1), np.float32)}, r"shape \(3, 1\), not \(3,\)"),
    ],
)
def test_tensors_that_cannot_be_computed_with_are_refused(
    written: Path, tensors: dict[str, Any], reason: str
) -> None:
    _rewritten(written, tensors)
    with pytest.raises(ModelError, match=reason):
        read_probe(written)


@pytest.mark.parametrize("note", ["{", "[1]", '{"version": NaN}', '{"a": 1, "a": 2}', "[" * 10**5])
def test_a_note_that_is_not_json_to_the_letter_is_refused(written: Path, note: str) -> None:
    save_file(load_file(written), written, metadata={NOTE: note})
    with pytest.raises(ModelError, match=str(written)):
        read_probe(written)


def test_other_files_are_not_probes(tmp_path: Path, tiny_model: Path) -> None:
    odd = tmp_path / "x.safetensors"
    for content in (b"", b"\x00" * 8, b"PK\x03\x04" * 30, (1 << 62).to_bytes(8, "little") * 4):
        odd.write_bytes(content)
        with pytest.raises(ModelError, match="cannot be loaded as safetensors"):
            read_probe(odd)
    with pytest.raises(ModelError, match=r"is not a probe; make one with Library\.probe"):
        read_probe(tiny_model / "open_clip_model.safetensors")
    (tmp_path / "y.pkl").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(ModelError, match="is not a probe"):
        read_probe(tmp_path / "y.pkl")
    (tmp_path / "z.safetensors").mkdir()
    with pytest.raises(ModelError, match="not a regular file"):
        read_probe(tmp_path / "z.safetensors")
    with pytest.raises(ModelError, match="No such file"):
        read_probe(tmp_path / "missing.safetensors")


def test_a_header_and_a_file_beyond_the_limits_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    with path.open("wb") as file:
        file.write(((64 << 20) + 1).to_bytes(8, "little"))
        file.truncate(100 << 20)
    with pytest.raises(ModelError, match="it is cut short, or of another kind"):
        read_probe(path)
    with path.open("wb") as file:
        file.truncate((1 << 30) + 1)
    with pytest.raises(ModelError, match=r"and no more than 1,073,741,824 are read"):
        read_probe(path)


def test_every_cut_of_a_probe_is_refused(written: Path) -> None:
    whole = written.read_bytes()
    for length in range(0, len(whole), 7):
        written.write_bytes(whole[:length])
        with pytest.raises(ModelError):
            read_probe(written)


def test_a_label_is_a_line_of_text() -> None:
    assert is_usable_label("rotes Auto / 赤い車")
    assert not any(map(is_usable_label, ("", " ", "a\tb", "\udcff", "x" * 1001)))


def test_a_changed_byte_is_refused_or_changes_what_is_said_alone(written: Path) -> None:
    whole, random = written.read_bytes(), np.random.default_rng(0)
    length = int.from_bytes(whole[:8], "little")
    num_read = 0
    for _ in range(600):
        changed = bytearray(whole)
        changed[random.integers(8 + length + 16)] = random.integers(256)
        written.write_bytes(changed)
        try:
            found = read_probe(written)
        except ModelError:
            continue
        num_read += 1
        assert found.weights.shape == (3, 5)
        assert np.isfinite(found.probabilities(np.ones((1, 5)))).all()
    assert 0 < num_read < 600
