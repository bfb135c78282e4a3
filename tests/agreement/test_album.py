"""The demonstration's album: words find the photos that they name, files named as they may be."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from demo.__main__ import main
from demo.album import CAT, NAMES, PHOTOS, write_album, write_altered_copy
from demo.questions import ENOUGH, Asker, ask_all


@pytest.fixture(scope="module")
def asker(tmp_path_factory: pytest.TempPathFactory) -> Asker:
    """Return an album that is written and indexed with the built-in model."""
    asker = Asker(tmp_path_factory.mktemp("demo") / "album")
    write_album(asker.album)
    assert asker.ask("index", "album").returncode == 0
    return asker


def test_the_album_holds_each_photo_under_a_name_that_does_not_tell(tmp_path: Path) -> None:
    write_album(tmp_path)
    names = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*")}
    assert names == set(PHOTOS)
    assert not [name for name in names if Path(PHOTOS[name]).stem.lower() in name.lower()]


def test_cat_prints_the_cat(asker: Asker) -> None:
    finished = asker.ask("cat", "album", "-t", "1", "-f")
    assert finished.stdout == f"album/{NAMES[CAT]}\n"
    assert finished.returncode == 0


def test_at_least_eight_of_twelve_questions_are_answered_right(asker: Asker) -> None:
    answers = list(ask_all(asker))
    assert len(answers) == 12
    assert sum(is_right for _, _, is_right in answers) >= ENOUGH, answers


def test_an_altered_copy_finds_its_original(asker: Asker) -> None:
    write_altered_copy(CAT, asker.folder / "copy.jpg")
    assert asker.answer("album/.demo/copy.jpg") == NAMES[CAT]


def test_a_word_and_a_picture_together_find_the_cat(asker: Asker) -> None:
    write_altered_copy(CAT, asker.folder / "copy.jpg")
    finished = asker.ask("cat", "--add", "album/.demo/copy.jpg", "album", "-t", "1", "-f")
    assert finished.stdout == f"album/{NAMES[CAT]}\n"


def test_an_empty_folder_is_told_from_a_missing_one(asker: Asker) -> None:
    (asker.album.parent / "empty").mkdir()
    empty = asker.ask("cat", "empty")
    assert (empty.returncode, empty.stdout) == (1, "")
    missing = asker.ask("cat", "no-such-folder")
    assert (missing.returncode, missing.stdout) == (2, "")


def test_the_demonstration_fails_without_the_cat(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_album(tmp_path / "album")
    shutil.copy(tmp_path / "album" / NAMES["moon.png"], tmp_path / "album" / NAMES[CAT])
    assert main(str(tmp_path / "album")) == 1
    assert "The cat did not come first." in capfd.readouterr().err
