"""Tiles of long pictures: where they lie, and the way from the folder to the matches."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from PIL import Image
from small_index import SmallIndex, settle

from rclip_like.images.decoding import decode
from rclip_like.images.products import Square, Tiles, model_products
from rclip_like.library import Library
from rclip_like.output.matches import as_object
from rclip_like.page.sheet import entry_of
from rclip_like.search.scoring import score_all
from rclip_like.settings import EncoderSettings, IndexSettings, ReadSettings, SearchSettings
from rclip_like.store.matrix import stamp
from rclip_like.tiles import MOST_TILES, crop_of, tiles_of
from rclip_like.values import Crop, Match, PictureFacts, Preprocessing

FP32 = EncoderSettings(precision="fp32", device="cpu")
TILED = IndexSettings(tiles=True)
SMALL = Preprocessing(32, (0.0,) * 3, (1.0,) * 3)
SIDE = 64


@pytest.mark.parametrize("size", [(64, 64), (100, 199), (200, 100), (1000, 63), (1, 9)])
def test_most_pictures_have_no_tiles(size: tuple[int, int]) -> None:
    assert tiles_of(*size) == ()


@pytest.mark.parametrize("size", [(201, 100), (400, 100), (160, 1000), (1080, 40_000), (9000, 64)])
def test_tiles_cover_the_picture_without_a_gap(size: tuple[int, int]) -> None:
    width, height = size
    tiles = tiles_of(width, height)
    assert 2 < len(tiles) <= MOST_TILES
    axis = 0 if width > height else 1
    starts = [tile[axis] for tile in tiles]
    ends = [tile[axis] + tile[axis + 2] for tile in tiles]
    assert (starts[0], ends[-1]) == (0, max(size))
    assert all(end >= start for end, start in zip(ends, starts[1:], strict=False))
    assert {tile[3 - axis] for tile in tiles} == {min(size)}
    if max(size) < 8 * min(size):
        overlaps = [end - start for end, start in zip(ends, starts[1:], strict=False)]
        assert min(overlaps) >= min(size) // 2


def test_where_tiles_lie_stays_as_indexes_count_on_it() -> None:
    assert tiles_of(250, 100) == tuple(Crop(start, 0, 100, 100) for start in (0, 50, 100, 150))
    assert crop_of(1003, PictureFacts(250, 100)) == Crop(150, 0, 100, 100)
    assert crop_of(1004, PictureFacts(250, 100)) is None
    assert crop_of(1, PictureFacts(250, 100)) is None


def test_each_tile_shows_its_part_of_the_upright_picture(tmp_path: Path) -> None:
    image = Image.new("RGB", (100, 400))
    for number in range(4):
        image.paste((60 * number,) * 3, (0, 100 * number, 100, 100 * number + 100))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned to the right: what is below comes to the left
    image.save(tmp_path / "a.png", exif=exif)
    data = (tmp_path / "a.png").read_bytes()
    made = decode(data, b".png", model_products(SMALL, tiles=True), ReadSettings()).products
    means = [np.asarray(tile).mean() for tile in made["tiles"]]
    np.testing.assert_allclose(means, [180, 150, 120, 90, 60, 30, 0], atol=1)
    assert {tile.size for tile in made["tiles"]} == {(32, 32)}


def test_a_tile_of_a_reduced_jpeg_is_what_the_whole_file_would_give(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (6, 20, 3), dtype=np.uint8)
    large = Image.fromarray(noise).resize((2000, 600), Image.Resampling.BICUBIC)
    large.save(tmp_path / "a.jpg", quality=95)
    large.save(tmp_path / "a.png")
    tiles = [Tiles(Square.of(SMALL))]
    reduced, exact = (
        decode((tmp_path / f"a{end}").read_bytes(), end.encode(), tiles, ReadSettings()).products
        for end in (".jpg", ".png")
    )
    for one, other in zip(reduced["tiles"], exact["tiles"], strict=True):
        difference = np.asarray(one, float) - np.asarray(other, float)
        assert np.abs(difference).mean() < 3


def scene(seed: int) -> Image.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.NEAREST)


def panorama(path: Path, *seeds: int) -> Path:
    whole = Image.new("RGB", (SIDE * len(seeds), SIDE))
    for number, seed in enumerate(seeds):
        whole.paste(scene(seed), (SIDE * number, 0))
    whole.save(path)
    return settle(path)


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Return a folder with panoramas of scenes 1 to 5 and 6 to 8, and a still of scene 9."""
    folder = tmp_path / "album"
    folder.mkdir()
    panorama(folder / "five.png", 1, 2, 3, 4, 5)
    panorama(folder / "three.png", 6, 7, 8)
    panorama(folder / "still.png", 9)
    scene(5).save(tmp_path / "asked.png")
    return folder


@pytest.fixture
def library(tmp_path: Path, tiny_model: Path) -> Iterator[Library]:
    with Library(tmp_path / "index.db", model=str(tiny_model), encoder=FP32) as library:
        yield library


def found(library: Library, album: Path) -> list[Match]:
    query = str(album.parent / "asked.png")
    return list(library.search(query, [album], SearchSettings(), update=None).matches)


def test_a_panorama_is_found_by_what_its_edge_shows(library: Library, album: Path) -> None:
    library.index([album], TILED)
    best, *others = found(library, album)
    assert Path(best.path).name == "five.png"
    assert best.score == pytest.approx(1.0, abs=1e-3)
    assert best.crop == Crop(4 * SIDE, 0, SIDE, SIDE)
    assert others[-1].crop is None or Path(others[-1].path).name == "three.png"
    schema = json.loads(
        (Path(__file__).parents[2] / "rclip_like/output/schemas/search.json").read_text()
    )
    Draft202012Validator(schema).validate(json.loads(json.dumps(as_object(best))))
    assert as_object(best)["crop"] == {"x": 256, "y": 0, "width": 64, "height": 64}
    assert entry_of(best).crop == best.crop


def test_without_the_option_there_are_no_tiles_and_no_crops(library: Library, album: Path) -> None:
    library.index([album])
    assert [match.crop for match in found(library, album)] == [None] * 3
    assert found(library, album)[0].score < 0.99


def test_pictures_indexed_before_get_tiles_and_nothing_else_is_encoded(
    album: Path, tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = SmallIndex(tmp_path / "index.db", tiny_model, plain=True)
    index.update(album)
    encoded: list[int] = []
    pictures = index.model.pictures
    monkeypatch.setattr(
        index.model, "pictures", lambda pixels: (encoded.append(len(pixels)), pictures(pixels))[1]
    )
    report = index.update(album, tiles=True)
    assert (report.tiled, report.encoded, report.unchanged, report.finished) == (2, 0, 3, True)
    assert sum(encoded) == 9 + 5
    later = index.update_without_encoder(album, tiles=True)
    assert (later.tiled, later.unchanged) == (0, 3)
    anew = SmallIndex(tmp_path / "anew.db", tiny_model, plain=True)
    assert anew.update(album, tiles=True).tiled == 0
    rows = [
        sorted(
            each.store.connection.execute(
                "SELECT digest, part, embedding, row_digest FROM embeddings JOIN contents"
                " USING (content_id)"
            ).fetchall()
        )
        for each in (index, anew)
    ]
    assert len(rows[0]) == 3 + 9 + 5
    assert [row[:2] for row in rows[0]] == [row[:2] for row in rows[1]]


def test_a_run_that_is_out_of_time_says_so_and_the_next_one_goes_on(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "many").mkdir()
    for seed in range(0, 60, 3):
        panorama(tmp_path / "many" / f"{seed}.png", seed, seed + 1, seed + 2)
    index = SmallIndex(tmp_path / "index.db", tiny_model, plain=True)
    index.update(tmp_path / "many")
    pictures = index.model.pictures
    with monkeypatch.context() as slow:
        slow.setattr(index.model, "pictures", lambda pixels: (time.sleep(0.1), pictures(pixels))[1])
        first = index.update(tmp_path / "many", tiles=True, max_seconds=0.6)
    assert not first.finished
    second = index.update(tmp_path / "many", tiles=True)
    assert second.finished
    assert first.tiled + second.tiled == 20
    question = "SELECT count(*) FROM embeddings WHERE part >= 1000"
    assert index.store.connection.execute(question).fetchone() == (100,)


def test_a_file_that_changed_meanwhile_gives_its_tiles_to_no_other_content(
    album: Path, tmp_path: Path, tiny_model: Path
) -> None:
    index = SmallIndex(tmp_path / "index.db", tiny_model, plain=True)
    index.update(album)
    (album / "three.png").unlink()
    panorama(album / "five.png", 5, 4, 3, 2, 1)
    report = index.update(album, tiles=True)
    assert (report.encoded, report.tiled, report.removed) == (1, 0, 1)
    question = "SELECT count(*) FROM embeddings WHERE part >= 1000"
    assert index.store.connection.execute(question).fetchone() == (9,)


@pytest.mark.parametrize("seed", range(6))
def test_tiles_newer_than_the_matrix_count_as_from_the_rows(
    album: Path, tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    frames = [scene(number).resize((3 * SIDE, SIDE)) for number in (11, 12)]
    frames[0].save(album / "film.png", save_all=True, append_images=frames[1:])
    settle(album / "film.png")
    monkeypatch.setattr(stamp, "FEWEST_ROWS", 0)
    index = SmallIndex(tmp_path / "index.db", tiny_model, plain=True)
    index.update(*(album / f"{name}.png" for name in ("still", "five", "film")))
    monkeypatch.setattr(stamp, "FEWEST_ROWS", 1000)
    panorama(album / "copy.png", 1, 2, 3, 4, 5)
    assert index.update(album, tiles=True).tiled == 2
    query = np.random.default_rng(seed).normal(size=index.specification.dimension)
    unit = (query / np.linalg.norm(query)).astype(np.float32)
    with index.store.snapshot():
        selection = index.store.select(1, None)
        assert selection.matrix is not None
        assert len(selection.matrix.extended_contents()) == 2
        by_matrix, by_rows = (score_all(selection, unit, by_rows=each) for each in (False, True))
        assert by_matrix.by_matrix
        assert not by_matrix.is_in_order
        assert by_matrix.num_contents == by_rows.num_contents == 4
        one, other = (
            dict(zip(each.rowids.tolist(), each.scores.tolist(), strict=True))
            for each in (by_matrix, by_rows)
        )
    assert len(one) == 5
    assert one == pytest.approx(other, abs=1e-6)


def test_tiles_go_with_their_picture(album: Path, tmp_path: Path, tiny_model: Path) -> None:
    with Library(tmp_path / "index.db", model=str(tiny_model), encoder=FP32) as library:
        library.index([album], TILED)
        assert library.forget([album / "five.png"]).embeddings == 10
        best, *_ = found(library, album)
        assert Path(best.path).name != "five.png"
