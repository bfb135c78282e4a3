"""Which pictures count as copies, which near rows are found, and which picture is kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageOps
from planted_copies import scene

from rclip_like.duplicates import candidates
from rclip_like.duplicates.candidates import near_pairs
from rclip_like.duplicates.comparing import compare
from rclip_like.duplicates.grouping import (
    are_shots,
    is_copy,
    ranked,
    reason_of,
    without_same_files,
)
from rclip_like.duplicates.rough import Rough
from rclip_like.selected import SelectedPicture
from rclip_like.values import FileVersion, PictureFacts


def small(image: Image.Image) -> Image.Image:
    """Return the picture as its thumbnail is compared."""
    image = image.convert("L")
    image.thumbnail((256, 256))
    return image


def written_on(image: Image.Image) -> Image.Image:
    drawing = ImageDraw.Draw(image := image.copy())
    drawing.rectangle((30, 150, 230, 172), "white")
    return image


def tinted(image: Image.Image) -> Image.Image:
    return Image.fromarray((np.asarray(image) * [1.0, 0.8, 0.6]).astype(np.uint8))


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "nothing": lambda image: image,
    "half the size": lambda image: image.resize((160, 120)),
    "cropped by 5 %": lambda image: image.crop((12, 4, 316, 232)),
    "cropped by 30 %": lambda image: image.crop((60, 20, 284, 188)),
    "cropped on one side": lambda image: image.crop((0, 0, 320, 200)),
    "mirrored": ImageOps.mirror,
    "grey": ImageOps.grayscale,
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.3),
    "tinted": tinted,
    "written on": written_on,
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_made_of_a_picture_is_a_copy_in_both_directions(change: str) -> None:
    for seed in (1, 2):
        whole = scene(seed)
        changed = small(CHANGES[change](whole))
        found = compare(small(whole), changed)
        assert found.is_copy, found
        assert found.mirrored == (change == "mirrored")
        assert Rough(small(whole)).may_be_copy_of(Rough(changed))
        assert compare(changed, small(whole)).is_copy
        assert Rough(changed).may_be_copy_of(Rough(small(whole)))


def test_how_much_was_cut_off_is_found() -> None:
    whole = scene(3)
    found = compare(small(whole), small(whole.crop((0, 0, 288, 216))))
    assert found.cut == pytest.approx(0.1, abs=0.01)
    assert not found.is_unmoved
    assert compare(small(whole), small(whole)).is_unmoved


@pytest.mark.parametrize("pixels", [4, 8, 15])
def test_two_shots_each_show_something_beyond_the_other(pixels: int) -> None:
    wide = scene(4, (340, 250))
    one, other = wide.crop((0, 0, 320, 240)), wide.crop((pixels, 3, 320 + pixels, 243))
    assert not compare(small(one), small(other)).is_copy
    assert not compare(small(one), small(ImageEnhance.Brightness(other).enhance(1.2))).is_copy


def test_other_pictures_are_no_copies_nor_are_blank_ones() -> None:
    pictures = [small(scene(seed)) for seed in range(10, 16)]
    assert not any(
        compare(one, other).is_copy for one in pictures for other in pictures if one is not other
    )
    blank = Image.new("L", (256, 192), 200)
    assert not compare(blank, Image.new("L", (256, 192), 90)).is_copy
    assert not compare(pictures[0], blank).is_copy


@pytest.mark.parametrize("size", [(1, 1), (256, 1), (3, 200), (9, 7)])
def test_pictures_of_any_shape_can_be_compared(size: tuple[int, int]) -> None:
    odd = small(scene(5)).resize(size)
    assert not compare(odd, small(scene(6))).is_copy
    assert not compare(small(scene(6)), odd).is_copy
    compare(odd, odd)
    Rough(odd).may_be_copy_of(Rough(small(scene(6))))


def unit_rows(number: int, seed: int) -> np.ndarray:
    rows = np.random.default_rng(seed).normal(size=(number, 96))
    rows[number // 2 :] = rows[: number - number // 2] + 0.4 * rows[number // 2 :]
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)


def test_near_rows_are_those_of_a_brute_force_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(candidates, "_BLOCK", 50)
    rows = unit_rows(222, 0)
    scores = rows.astype(np.float32) @ rows.astype(np.float32).T
    expected = {(i, j) for i, j in np.argwhere(scores >= 0.8) if i < j}
    found = near_pairs(rows, 0.8, np.zeros(222, np.bool_))
    assert {(i, j) for score, i, j in found if score >= 0.8} == expected
    assert [score for score, *_ in found] == sorted((score for score, *_ in found), reverse=True)
    assert all(score == pytest.approx(scores[i, j], abs=1e-3) for score, i, j in found)


def test_rows_of_two_references_are_not_compared() -> None:
    rows = np.ones((3, 4), np.float16) / 2
    found = near_pairs(rows, 0.9, np.array([True, True, False]))
    assert {(i, j) for _, i, j in found} == {(0, 2), (1, 2)}


def test_of_many_near_rows_each_has_its_nearest_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.random.default_rng(0).normal(size=(300, 4))
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)
    scores = rows.astype(np.float32) @ rows.astype(np.float32).T - 2 * np.eye(300)
    nearest = {(min(each), max(each)) for each in enumerate(scores.argmax(axis=1).tolist())}
    for most in (2_000_000, 500):
        monkeypatch.setattr(candidates, "_MOST_WAITING", most)
        found = near_pairs(rows, 0.5, np.zeros(300, np.bool_))
        assert len(found) <= 300 * candidates.MOST_NEIGHBOURS
        assert nearest <= {(i, j) for _, i, j in found}


def picture(
    path: str,
    size: tuple[int, int] = (400, 300),
    taken_at: str | None = None,
    camera: str | None = None,
    mtime_ns: int = 5,
) -> SelectedPicture:
    facts = PictureFacts(*size, taken_at, camera, taken_from="original" if taken_at else None)
    version = FileVersion(path.encode().ljust(32), 1000, mtime_ns)
    return SelectedPicture(path.encode(), path.encode(), facts, version)


@pytest.mark.parametrize(
    ("kept", "other", "reason"),
    [
        (picture("/ref/a", (40, 30)), picture("/b"), "reference"),
        (picture("/long/name", (800, 600)), picture("/b", mtime_ns=1), "largest"),
        (picture("/long/name", taken_at="2019-01-01T10:00:00"), picture("/b"), "metadata"),
        (picture("/long/name", mtime_ns=1), picture("/b"), "oldest"),
        (picture("/b"), picture("/long/name"), "shortest path"),
        (picture("/a"), picture("/b"), "first path"),
    ],
)
def test_the_reason_is_the_first_merit_that_decides(
    kept: SelectedPicture, other: SelectedPicture, reason: str
) -> None:
    def is_reference(each: SelectedPicture) -> bool:
        return each.path.startswith("/ref")

    assert ranked([other, kept], is_reference) == [kept, other]
    assert reason_of(kept, [other], is_reference) == reason


def test_shots_of_one_second_are_copies_only_if_they_show_the_same_everywhere() -> None:
    one, other = (picture(path, (256, 192), "2019-05-01T12:00:00", "X") for path in ("/a", "/b"))
    later = picture("/c", (256, 192), "2019-05-01T12:00:02", "X")
    same, written = small(scene(1)), small(written_on(scene(1)))
    assert are_shots(one, later)
    assert is_copy(one, other, compare(same, same))
    assert not is_copy(one, later, compare(same, same))
    assert compare(same, written).is_copy
    assert not is_copy(one, other, compare(same, written))
    assert is_copy(one, picture("/d"), compare(same, written))


def test_two_names_of_one_file_are_one(tmp_path: Path) -> None:
    file = tmp_path / "a.jpg"
    file.write_bytes(b"picture")
    (tmp_path / "hard.jpg").hardlink_to(file)
    (tmp_path / "soft.jpg").symlink_to(file)
    (tmp_path / "copy.jpg").write_bytes(b"picture")
    names = ("a.jpg", "hard.jpg", "soft.jpg", "copy.jpg", "gone.jpg")
    kept = without_same_files([picture(str(tmp_path / name)) for name in names])
    assert [Path(each.path).name for each in kept] == ["a.jpg", "copy.jpg"]
