"""What Python code gives a Library: strings, paths, single values, pictures in memory, texts."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from rclip_like.errors import ConfigError, PictureError, RootError, UsageError
from rclip_like.library import Library
from rclip_like.query import Query
from rclip_like.settings import EncoderSettings, IndexSettings, LibrarySettings, SearchSettings

EXACTLY = 1e-3
"""What float16 rows of an index may differ by from float32."""


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for seed in range(3):
        noise = np.random.default_rng(seed).integers(0, 256, (6, 9, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((90, 60)).save(folder / f"{seed}.png")
        os.utime(folder / f"{seed}.png", (1_600_000_000, 1_600_000_000))
    return folder


@pytest.fixture
def library(tmp_path: Path, tiny_model: Path) -> Iterator[Library]:
    exact = EncoderSettings(precision="fp32")
    with Library(str(tmp_path / "index.db"), model=str(tiny_model), encoder=exact) as library:
        yield library


def test_strings_and_single_paths_are_taken_where_people_write_them(
    library: Library, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(photos.parent))
    assert library.index(photos).encoded == 3
    several = library.search("cat", [photos]).matches
    for one in (str(photos), os.fsencode(photos), f"~/{photos.name}"):
        assert [m.absolute for m in library.search("cat", one).matches] == [
            m.absolute for m in several
        ]
    assert library.status(str(photos)).files == 3
    assert library.forget(str(photos / "0.png")).files == 1


@pytest.mark.parametrize("empty", ["", b"", [""], [".", b""]])
def test_an_empty_path_is_refused_and_never_means_the_current_folder(
    library: Library, photos: Path, monkeypatch: pytest.MonkeyPatch, empty: list[str]
) -> None:
    monkeypatch.chdir(photos)
    library.index(photos)
    calls = (library.index, library.select, library.status, library.prune, library.forget)
    for call in (*calls, lambda paths: library.search("cat", paths), library.embeddings):
        with pytest.raises(RootError, match="the path is empty"):
            call(empty)
    assert library.num_pictures() == 3


def test_the_embeddings_of_single_paths_are_found_as_those_of_lists(
    library: Library, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(photos.parent))
    library.index(photos)
    several, _ = library.embeddings([photos / "1.png"])
    for one in (photos / "1.png", str(photos / "1.png"), f"~/{photos.name}/1.png"):
        rows, is_indexed = library.embeddings(one)
        assert is_indexed.tolist() == [True]
        assert np.array_equal(rows, several)
    assert library.embeddings("a\0b")[1].tolist() == [False]


def test_a_single_text_is_added_as_one(library: Library, photos: Path) -> None:
    settings = SearchSettings(explain=True)
    asked = Query("cat", add="dog", subtract="tree")
    first, *_ = library.search(asked, photos, settings).matches
    assert [term for term, _ in first.terms] == ["cat", "dog", "-tree"]


def test_the_home_folder_is_meant_in_a_query(
    library: Library, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(photos.parent))
    assert len(library.search(Path(f"~/{photos.name}/1.png"), photos).matches) == 2


def test_the_home_folder_is_meant_in_the_index_and_in_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert Library("~/a/index.db").database == tmp_path / "a" / "index.db"


@pytest.mark.parametrize("form", ["pillow", "array", "alpha"])
def test_a_picture_in_memory_is_a_query(library: Library, photos: Path, form: str) -> None:
    with Image.open(photos / "1.png") as image:
        picture = {
            "pillow": image.copy(),
            "array": np.asarray(image),
            "alpha": np.asarray(image.convert("RGBA")),
        }[form]
    first, *_ = library.search(picture, photos, SearchSettings(explain=True)).matches
    assert os.path.basename(first.absolute) == "1.png"
    assert first.score == pytest.approx(1.0, abs=EXACTLY)
    assert first.terms[0][0] == "a picture in memory"


def test_a_picture_in_memory_is_turned_upright(library: Library, photos: Path) -> None:
    with Image.open(photos / "1.png") as image:
        lying = ImageOps.mirror(image)
    lying.getexif()[0x0112] = 2
    assert library.search(lying, photos).matches[0].score == pytest.approx(1.0, abs=EXACTLY)


@pytest.mark.parametrize(
    "wrong", [np.zeros((4, 4, 3)), np.zeros((4, 4, 2), np.uint8), np.zeros((0, 4), np.uint8), 7]
)
def test_what_is_not_a_picture_is_refused(library: Library, photos: Path, wrong: object) -> None:
    with pytest.raises(UsageError, match="picture"):
        library.search(wrong, photos)  # type: ignore[arg-type]


def test_texts_are_embedded_in_order(library: Library) -> None:
    rows = library.embed_texts(["cat", "dog", "cat"])
    assert (rows.shape, rows.dtype) == ((3, library.specification.dimension), np.float32)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert rows[0] == pytest.approx(rows[2], abs=1e-5)
    assert rows[0] != pytest.approx(rows[1], abs=1e-2)
    assert library.embed_texts("cat") == pytest.approx(rows[:1], abs=1e-5)
    assert library.embed_texts([]).shape == (0, library.specification.dimension)


def test_pictures_are_embedded_in_order_wherever_they_are(library: Library, photos: Path) -> None:
    paths = [photos / f"{number}.png" for number in (2, 0, 1)]
    with Image.open(paths[1]) as image:
        rows = library.embed_pictures([paths[0], image, str(paths[2]), np.asarray(image)])
    assert rows.shape == (4, library.specification.dimension)
    alone = np.concatenate([library.embed_pictures(path) for path in paths])
    assert rows[:3] == pytest.approx(alone, abs=1e-5)
    assert rows[3] == pytest.approx(rows[1], abs=1e-5)
    assert library.embed_pictures([]).shape == (0, library.specification.dimension)
    assert not library.database.exists()
    report = library.search(Query(str(paths[0])), photos, SearchSettings(sort="path"))
    assert [m.score for m in report.matches] == pytest.approx(
        [float(rows[0] @ rows[number]) for number in (1, 2)], abs=EXACTLY
    )


def test_a_single_picture_in_memory_is_embedded_as_one(library: Library, photos: Path) -> None:
    row = library.embed_pictures(photos / "1.png")
    with Image.open(photos / "1.png") as image:
        pixels = np.asarray(image)
        assert library.embed_pictures(image) == pytest.approx(row, abs=1e-5)
    assert library.embed_pictures(pixels) == pytest.approx(row, abs=1e-5)
    assert library.embed_pictures(pixels[..., 0]).shape == row.shape
    assert library.embed_pictures(each for each in [pixels]) == pytest.approx(row, abs=1e-5)
    with pytest.raises(UsageError, match="not of uint8"):
        library.embed_pictures(pixels[np.newaxis])


def test_a_file_that_is_not_a_picture_is_named(library: Library, tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="NUL"):
        library.embed_pictures("a\0b.jpg")
    (tmp_path / "a.jpg").write_text("text")
    for path in (tmp_path / "a.jpg", tmp_path / "b.jpg"):
        with pytest.raises(PictureError, match=path.name):
            library.embed_pictures([path])


def test_a_match_has_its_path_as_text_and_as_bytes(library: Library, photos: Path) -> None:
    odd = os.fsencode(photos) + b"/\xff.png"
    with open(odd, "wb") as file:
        file.write((photos / "1.png").read_bytes())
    try:
        (match,) = library.search("cat", odd).matches
    finally:
        os.unlink(odd)
    assert (match.path_bytes, match.absolute_bytes) == (odd, os.path.realpath(odd))
    assert (match.path, match.absolute) == (os.fsdecode(odd), os.fsdecode(os.path.realpath(odd)))


def test_what_is_not_given_is_what_the_command_line_would_take(
    photos: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIPFIND_DB", str(tmp_path / "mine.db"))
    Path(os.environ["CLIPFIND_CONFIG"]).write_text(
        f'model = "{tiny_model}"\ntop = 2\nexclude = ["0.png"]\ncolor = "never"\n'
        "max-megapixels = 0.001\nthreads = 1\n"
    )
    with Library() as library:
        assert library.database == tmp_path / "mine.db"
        assert library.chosen_model() == str(tiny_model)
        limited = library.index(photos)
        assert (limited.seen, limited.failed) == (2, 2)
    monkeypatch.setenv("CLIPFIND_MAX_MEGAPIXELS", "10")
    with Library() as library:
        report = library.search("cat", photos, update=IndexSettings(retry=True))
        assert len(report.matches) == 2
        assert len(library.search("cat", photos).matches) == 2
        assert len(library.search("cat", photos, SearchSettings(top=1)).matches) == 1


def test_what_is_given_counts_more_than_what_is_configured(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIPFIND_DB", str(tmp_path / "mine.db"))
    monkeypatch.setenv("CLIPFIND_MODEL", "no-such-model")
    library = Library(tmp_path / "other.db", model=str(tiny_model))
    assert library.database == tmp_path / "other.db"
    assert library.specification.name == str(tiny_model)
    assert Library.of(LibrarySettings()).chosen_model() == "builtin"


def test_a_configuration_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    Path(os.environ["CLIPFIND_CONFIG"]).write_text("top = true\n")
    with pytest.raises(ConfigError, match=r"config\.toml: top wants a whole number"):
        Library(tmp_path / "index.db")


def test_a_picture_that_pillow_cannot_decode_is_refused(library: Library, photos: Path) -> None:
    cut = photos.parent / "cut.png"
    cut.write_bytes((photos / "1.png").read_bytes()[:200])
    with Image.open(cut) as image, pytest.raises(UsageError, match="cannot be used"):
        library.search(image, photos)
