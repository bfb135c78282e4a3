"""Animations from the folder to the matches: their frames are encoded, kept and found."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from small_index import SmallIndex, make_pictures, settle

from rclip_like.library import Library
from rclip_like.models.model import Model
from rclip_like.query import Query
from rclip_like.settings import EncoderSettings, SearchSettings
from rclip_like.values import Match

FP32 = EncoderSettings(precision="fp32", device="cpu")


def noise(seed: int) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((64, 64), Image.Resampling.NEAREST)


def animate(path: Path, *seeds: int) -> Path:
    first, *others = map(noise, seeds)
    first.save(path, save_all=True, append_images=others)
    return settle(path)


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Return a folder with a film of scenes 1, 2 and 3, and stills of scenes 2 and 5."""
    (tmp_path / "album").mkdir()
    animate(tmp_path / "album" / "film.png", 1, 2, 3)
    for seed in (2, 5):
        noise(seed).save(tmp_path / "album" / f"still-{seed}.png")
        settle(tmp_path / "album" / f"still-{seed}.png")
    return tmp_path / "album"


@pytest.fixture
def library(tmp_path: Path, tiny_model: Path) -> Iterator[Library]:
    with Library(tmp_path / "index.db", model=str(tiny_model), encoder=FP32) as library:
        yield library


def found(library: Library, query: str | Query, album: Path, **chosen: object) -> dict[str, Match]:
    settings = SearchSettings(**chosen)  # type: ignore[arg-type]
    matches = library.search(query, [album], settings, update=None).matches
    return {Path(match.absolute).name: match for match in matches}


def test_an_animation_is_found_by_what_a_later_frame_shows(library: Library, album: Path) -> None:
    report = library.index([album])
    assert (report.encoded, report.failed) == (3, 0)
    matches = found(library, str(album / "still-2.png"), album)
    assert list(matches) == ["film.png", "still-5.png"]
    assert matches["film.png"].score == pytest.approx(1.0, abs=1e-3)


def test_an_animation_as_query_stands_for_its_first_frame(
    library: Library, album: Path, tmp_path: Path
) -> None:
    library.index([album])
    noise(1).save(tmp_path / "first.png")
    for query in (album / "film.png", shutil.copy(album / "film.png", tmp_path / "copy.png")):
        expected = found(library, str(tmp_path / "first.png"), album)
        for name, match in found(library, str(query), album).items():
            assert match.score == pytest.approx(expected[name].score, abs=1e-3)


def test_an_explanation_is_of_the_frame_that_won(library: Library, album: Path) -> None:
    library.index([album])
    noise(2).save(album.parent / "asked.png")
    query = Query(str(album.parent / "asked.png"), subtract=("0.1:cat",))
    matches = found(library, query, album, explain=True)
    (_, as_asked), (_, cat) = matches["film.png"].terms
    assert as_asked == pytest.approx(1.0, abs=1e-3)
    assert cat == pytest.approx(matches["still-2.png"].terms[1][1], abs=1e-3)


def test_frames_count_as_pictures_of_a_batch(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "films").mkdir()
    for number in range(6):
        animate(tmp_path / "films" / f"{number}.png", *range(4 * number, 4 * number + 4))
    events: list[tuple[object, ...]] = []
    monkeypatch.setattr(sys, "audit", lambda *event: events.append(event))
    index = SmallIndex(tmp_path / "index.db", tiny_model, batch_size=8)
    assert index.update(tmp_path / "films").encoded == 6
    assert [len(paths) for name, paths, *_ in events if name == "clipfind.encode"] == [2, 2, 2]
    index.store.close()


def test_an_animation_is_not_encoded_again(tmp_path: Path, tiny_model: Path, album: Path) -> None:
    index = SmallIndex(tmp_path / "index.db", tiny_model)
    index.update(album)
    assert index.update_without_encoder(album).unchanged == 3
    shutil.copy2(album / "film.png", album / "copy.png")
    assert index.update_without_encoder(album).reused == 1
    assert index.store.status().contents == 3
    index.store.close()


def test_each_frame_has_its_own_embedding(tmp_path: Path, tiny_model: Path, album: Path) -> None:
    make_pictures(tmp_path / "others", 3)
    index = SmallIndex(tmp_path / "index.db", tiny_model)
    index.update(album, tmp_path / "others")
    model_id = index.store.model_id(index.specification.fingerprint)
    assert model_id is not None
    stored = index.store.embeddings(model_id)
    (film,) = [
        parts
        for number in range(1, 7)
        if len(parts := stored.sound_parts([number]).embeddings.astype(np.float32)) > 1
    ]
    pixels = [
        np.array(noise(seed).resize((32, 32), Image.Resampling.BICUBIC)) for seed in (1, 2, 3)
    ]
    model = Model(index.specification, FP32)
    assert ((film * model.pictures(np.stack(pixels))).sum(axis=1) > 0.999).all()
    index.store.close()
