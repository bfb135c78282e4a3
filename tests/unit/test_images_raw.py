"""Camera raw files: told by content, preview or development, upright, within the limits."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from raw_files import dng, jpeg
from read_in_process import read_picture
from turned import ORIENTATIONS, turned

from rclip_like.errors import PictureError
from rclip_like.images.products import model_products
from rclip_like.images.readers import Readers, ReadTask
from rclip_like.images.sensors import is_raw
from rclip_like.settings import ReadSettings
from rclip_like.values import Picture, PictureFacts, Preprocessing, Trouble

SQUASHED = Preprocessing(32, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0), resize_mode="squash")
COLOURS = np.array([[(250, 0, 0), (0, 250, 0)], [(0, 0, 250), (250, 250, 0)]], np.uint8)
GREYS = np.full((2, 2, 3), 120, np.uint8)


def quarters(size: tuple[int, int], colours: np.ndarray = COLOURS) -> Image.Image:
    """Return a picture with one of the colours in each quarter."""
    return Image.fromarray(colours).resize(size, Image.Resampling.NEAREST)


def read(path: Path, data: bytes, limits: ReadSettings = ReadSettings()) -> Picture:  # noqa: B008
    path.write_bytes(data)
    return read_picture(os.fsencode(path), SQUASHED, limits)


def assert_quarters(picture: Picture, colours: np.ndarray = COLOURS) -> None:
    assert picture.parts
    assert np.abs(picture.parts[0][4::24, 4::24].astype(int) - colours).max() <= 12


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_sensor_data_are_developed_and_turned_upright(orientation: int, tmp_path: Path) -> None:
    seen = turned(quarters((120, 80)), orientation)
    picture = read(tmp_path / "a.dng", dng(seen, orientation=orientation))
    assert (picture.facts.width, picture.facts.height) == (120, 80)
    assert_quarters(picture)


@pytest.mark.parametrize("orientation", ORIENTATIONS)
def test_the_preview_is_used_where_it_is_large_enough(orientation: int, tmp_path: Path) -> None:
    seen = turned(quarters((240, 160), GREYS), orientation)
    preview = jpeg(turned(quarters((120, 80)), orientation))
    picture = read(tmp_path / "a.dng", dng(seen, orientation=orientation, preview=preview))
    assert (picture.facts.width, picture.facts.height) == (240, 160)
    assert_quarters(picture)


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_a_preview_that_is_upright_already_is_not_turned_again(
    orientation: int, tmp_path: Path
) -> None:
    seen = turned(quarters((160, 240), GREYS), orientation)
    preview = jpeg(quarters((80, 120)))
    picture = read(tmp_path / "a.dng", dng(seen, orientation=orientation, preview=preview))
    assert (picture.facts.width, picture.facts.height) == (160, 240)
    assert_quarters(picture)


@pytest.mark.parametrize("shown", [(90, 60), (120, 90)], ids=["small", "with bars"])
def test_a_preview_too_small_or_of_another_shape_is_not_used(
    shown: tuple[int, int], tmp_path: Path
) -> None:
    preview = jpeg(quarters(shown, GREYS))
    assert_quarters(read(tmp_path / "a.dng", dng(quarters((240, 160)), preview=preview)))


def test_a_broken_preview_costs_nothing_but_time(tmp_path: Path) -> None:
    preview = jpeg(quarters((120, 80), GREYS))
    broken = preview[:2].ljust(len(preview), b"\0")
    data = dng(quarters((240, 160)), preview=preview).replace(preview, broken)
    assert_quarters(read(tmp_path / "a.dng", data))


@pytest.mark.parametrize("preview", [None, jpeg(quarters((120, 80)))])
def test_a_raw_file_says_when_and_with_which_camera(preview: bytes | None, tmp_path: Path) -> None:
    data = dng(quarters((240, 160)), preview=preview)
    expected = PictureFacts(
        240, 160, taken_at="2019-07-14T18:05:09", camera="Acme One", taken_from="modified"
    )
    assert read(tmp_path / "a.dng", data).facts == expected


@pytest.mark.parametrize("name", ["a.tif", "a.jpg", "a.nef"])
def test_sensor_data_under_another_name_are_developed(name: str, tmp_path: Path) -> None:
    preview = jpeg(quarters((30, 20), GREYS))
    assert_quarters(read(tmp_path / name, dng(quarters((240, 160)), preview=preview)))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_another_picture_under_a_raw_name_is_what_it_is(kind: str, tmp_path: Path) -> None:
    quarters((64, 64)).save(tmp_path / "a.nef", kind)
    assert_quarters(read(tmp_path / "a.nef", (tmp_path / "a.nef").read_bytes()))


@pytest.mark.parametrize(
    ("data", "ending", "expected"),
    [
        (b"FUJIFILMCCD-RAW 0201", b".jpg", True),
        (b"IIRO\x08\0\0\0", b".jpg", True),
        (b"IIU\0\x18\0\0\0", b".rw2", True),
        (b"II*\0\x10\0\0\0CR\x02\0", b".tif", True),
        (b"\0\0\0\x18ftypcrx \0\0\0\1", b".cr3", True),
        (b"\0\0\0\x18ftypheic\0\0\0\0", b".cr3", False),
        (b"II*\0\x08\0\0\0", b".nef", True),
        (b"II*\0\x08\0\0\0", b".tif", False),
        (b"MM\0*", b".tif", False),
        (b"\xff\xd8\xff\xe0", b".nef", False),
        (b"", b".dng", False),
    ],
)
def test_the_first_bytes_tell_raw_files_from_pictures(
    data: bytes, ending: bytes, expected: bool
) -> None:
    assert is_raw(data, ending) is expected


def test_directories_that_lead_in_a_circle_end() -> None:
    loop = struct.pack("<HHHII", 1, 330, 4, 1, 8) + struct.pack("<I", 8)
    assert not is_raw(struct.pack("<2sHI", b"II", 42, 8) + loop, b".tif")


def test_sensor_data_that_are_cut_short_are_refused(tmp_path: Path) -> None:
    data = dng(quarters((240, 160)), preview=jpeg(quarters((30, 20))))
    at = data.index(struct.pack("<HHII", 273, 4, 1, 8))
    moved = data[: at + 8] + struct.pack("<I", len(data) - 1000) + data[at + 12 :]
    with pytest.raises(PictureError, match="truncated"):
        read(tmp_path / "a.dng", moved)


def test_the_pixel_limit_is_checked_before_development(tmp_path: Path) -> None:
    data = dng(quarters((60, 40)), size=(40_000, 30_000))
    with pytest.raises(PictureError, match="more than 500 megapixels"):
        read(tmp_path / "a.dng", data, ReadSettings(max_megapixels=500))


def test_what_libraw_does_not_know_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="Unsupported file format or not RAW file"):
        read(tmp_path / "a.orf", b"IIRO\x08\0\0\0" + bytes(1000))


def test_without_rawpy_the_reason_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rclip_like.images import formats

    monkeypatch.setitem(sys.modules, "rawpy", None)
    monkeypatch.delitem(sys.modules, "rclip_like.images.raw", raising=False)
    formats.load_plugin.cache_clear()
    with pytest.raises(PictureError, match="needs the package rawpy, which is not installed"):
        read(tmp_path / "a.dng", dng(quarters((60, 40))))


def read_all(folder: Path, files: dict[str, bytes], settings: ReadSettings) -> dict[str, object]:
    tasks = []
    for name, data in files.items():
        (folder / name).write_bytes(data)
        path = os.fsencode(folder / name)
        tasks.append(ReadTask(path, model_products(SQUASHED)))
    with Readers(settings) as readers:
        return {
            os.path.basename(os.fsdecode(result.path)): result for result in readers.read_all(tasks)
        }


def test_a_raw_file_that_needs_too_much_memory_costs_itself_only(tmp_path: Path) -> None:
    large = dng(Image.new("RGB", (6000, 4000)))
    small = dng(quarters((240, 160)))
    settings = ReadSettings(workers=1, max_memory_bytes=320 << 20, max_megapixels=500)
    found = read_all(tmp_path, {"a.dng": large, "b.dng": small}, settings)
    assert isinstance(found["a.dng"], Trouble)
    assert found["a.dng"].reason == "needs more than 0.3 GiB of memory"
    assert isinstance(found["b.dng"], Picture)


def test_damaged_raw_files_cost_no_good_one(tmp_path: Path) -> None:
    good = dng(quarters((240, 160)), preview=jpeg(quarters((120, 80))))
    files = {"good.dng": good}
    for seed in range(40):
        draw = np.random.default_rng(seed)
        data = bytearray(good)
        # Most of the damage where it matters: the directories lie at the end.
        start = len(data) - 1500 if seed % 2 else 0
        for place in draw.integers(start, len(data), 6):
            data[place] = draw.integers(256)
        files[f"{seed}.dng"] = bytes(data if seed % 5 else data[: int(draw.integers(len(data)))])
    found = read_all(tmp_path, files, ReadSettings(workers=2, max_seconds=10))
    assert len(found) == len(files)
    assert isinstance(found["good.dng"], Picture)


@pytest.mark.skipif(not os.path.exists("/usr/bin/nm"), reason="reads a library's symbols with nm")
def test_libraw_can_start_no_program() -> None:
    import rawpy

    library = next(Path(rawpy.__file__).parent.glob("libraw*.so*"), None)
    if library is None:
        pytest.skip("this build of rawpy brings no LibRaw of its own")
    symbols = subprocess.run(["nm", "-D", "-u", library], capture_output=True, text=True).stdout
    used = {line.split()[-1].partition("@")[0] for line in symbols.splitlines() if line.strip()}
    assert "malloc" in used
    assert not used & {"system", "popen", "fork", "vfork", "execve", "execvp", "posix_spawn"}
