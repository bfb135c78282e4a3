"""What is made of a file's bytes: faults 4, 6, 7 and 13 of the list."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pillow_heif
import skimage.data
from PIL import Image
from processes import write_pictures

from bench.faults.table import Observation, fault
from bench.tools import Tool

EQUAL = 0.995
LATE_ENDINGS = ("avif", "jfif", "jpe", "heic", "heif", "apng", "tga", "ico")
_ORIENTATION, _TURN_RIGHT = 0x0112, 6


@fault(4, "Files that differ only in the middle get one embedding")
def differ_in_the_middle(tool: Tool, folder: Path) -> Iterator[Observation]:
    """Index two BMPs with a band of another colour each, beyond the first megabyte."""
    for name, colour in (("red", (255, 0, 0)), ("blue", (0, 0, 255))):
        image = Image.new("RGB", (900, 900), "white")
        image.paste(colour, (0, 100, 900, 400))
        image.save(folder / f"{name}.bmp")
        tool.index(folder)
    score = _similarity(tool, folder, "red.bmp", "blue.bmp")
    yield Observation(f"red and blue are alike to {score:.4f}", score < 0.9995)


@fault(6, "Orientation ignored, deep grey made white, alpha dropped")
def look_as_shown(tool: Tool, folder: Path) -> Iterator[Observation]:
    """Compare pictures with what any viewer shows of them."""
    pairs = {
        "a turned photo and the upright one": _turned,
        "a gradient in 16 bits and in 8": _deep,
        "transparent red and white": _transparent,
    }
    for what, write in pairs.items():
        place = folder / write.__name__.strip("_")
        place.mkdir()
        write(place)
        tool.index(place)
        score = _similarity(tool, place, "as-stored.png", "as-shown.png")
        yield Observation(f"{what}: {score:.3f}", score >= EQUAL)


@fault(7, "Pictures of 16000x1 pixels fill the memory")
def very_wide(tool: Tool, folder: Path) -> Iterator[Observation]:
    """Index one line of pixels, and a square for comparison."""
    peaks = []
    for width, height in ((256, 256), (8000, 1), (16000, 1)):
        place = folder / f"{width}x{height}"
        place.mkdir()
        Image.new("RGB", (width, height), "green").save(place / "a.png")
        peaks.append(tool.index(place).peak_bytes)
        rows = tool.num_rows(place)
        more = peaks[-1] - peaks[0]
        yield Observation(
            f"{width}x{height}: {peaks[-1] / 1e9:.1f} GB, {rows} of 1 indexed",
            more < 3e8 and rows == 1,
        )


@fault(13, "The name's ending decides; truncated files count as whole")
def ending_decides(tool: Tool, folder: Path) -> Iterator[Observation]:
    """Index formats of today under their endings, and half a photo."""
    pillow_heif.register_heif_opener()
    names = {"jfif": "JPEG", "jpe": "JPEG", "apng": "PNG", "heic": "HEIF", "heif": "HEIF"}
    for ending in LATE_ENDINGS:
        place = folder / ending
        place.mkdir()
        _photo().resize((128, 128)).save(place / f"a.{ending}", names.get(ending))
        tool.index(place)
    read = [ending for ending in LATE_ENDINGS if tool.num_rows(folder / ending)]
    yield Observation(f"read: {', '.join(read) or 'none'}", len(read) == len(LATE_ENDINGS))
    yield from _truncated(tool, folder / "half")


def _truncated(tool: Tool, folder: Path) -> Iterator[Observation]:
    write_pictures(folder)
    _photo().save(folder / "half.jpg")
    data = (folder / "half.jpg").read_bytes()
    (folder / "half.jpg").write_bytes(data[: len(data) // 2])
    outcome = tool.index(folder)
    is_taken = "half.jpg" in tool.search(folder, "anything")
    is_told = b"half.jpg" in outcome.stderr
    what = "indexed" if is_taken else "refused and named" if is_told else "left out in silence"
    yield Observation(f"half a JPEG: {what}", is_told and not is_taken)


def _similarity(tool: Tool, folder: Path, query: str, other: str) -> float:
    """Return the score of one picture for the other; not a number where it was not found."""
    return tool.search(folder, f"./{query}").get(other, float("nan"))


def _photo() -> Image.Image:
    return Image.fromarray(skimage.data.chelsea())


def _turned(folder: Path) -> None:
    photo = _photo()
    photo.save(folder / "as-shown.png")
    exif = Image.Exif()
    exif[_ORIENTATION] = _TURN_RIGHT
    photo.transpose(Image.Transpose.ROTATE_90).save(folder / "as-stored.png", exif=exif)


def _deep(folder: Path) -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None, :].repeat(256, 0)
    Image.fromarray(ramp).save(folder / "as-stored.png")
    Image.fromarray((ramp >> 8).astype(np.uint8)).save(folder / "as-shown.png")


def _transparent(folder: Path) -> None:
    Image.new("RGBA", (256, 256), (255, 0, 0, 0)).save(folder / "as-stored.png")
    Image.new("RGB", (256, 256), "white").save(folder / "as-shown.png")
