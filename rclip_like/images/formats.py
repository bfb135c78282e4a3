"""The picture formats that are read, in one table, and which of them a file may have."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import import_module

from PIL import Image

from rclip_like.images.sensors import RAW_ENDINGS, is_raw
from rclip_like.values import READER_VERSIONS, VIDEO_EXTENSIONS

HEIF = "HEIF"
RAW = "RAW"
VIDEO = "VIDEO"


@dataclass(frozen=True, slots=True)
class Format:
    """One format: Pillow's name for it, the plugin that reads it, its usual endings.

    `codec` is Pillow's name for the library that its plugin needs, `package` what brings both.
    """

    name: str
    plugin: str
    endings: tuple[str, ...]
    codec: str | None = None
    package: str = "pillow"


FORMATS = (
    Format("JPEG", "PIL.JpegImagePlugin", ("jpg", "jpeg", "jpe", "jfif", "mpo"), "jpg"),
    Format("PNG", "PIL.PngImagePlugin", ("png", "apng"), "zlib"),
    Format("WEBP", "PIL.WebPImagePlugin", ("webp",), "webp"),
    Format("GIF", "PIL.GifImagePlugin", ("gif",)),
    Format("TIFF", "rclip_like.images.tiff", ("tif", "tiff"), "libtiff"),
    Format("BMP", "PIL.BmpImagePlugin", ("bmp", "dib")),
    Format("DIB", "PIL.BmpImagePlugin", ("dib",)),
    Format(
        "JPEG2000", "PIL.Jpeg2KImagePlugin", ("jp2", "j2k", "j2c", "jpc", "jpf", "jpx"), "jpg_2000"
    ),
    Format("PPM", "PIL.PpmImagePlugin", ("pnm", "pbm", "pgm", "ppm", "pfm")),
    Format("ICO", "PIL.IcoImagePlugin", ("ico",)),
    Format("AVIF", "PIL.AvifImagePlugin", ("avif", "avifs"), "avif"),
    Format("TGA", "PIL.TgaImagePlugin", ("tga",)),
    Format(HEIF, "rclip_like.images.heif", ("heic", "heif", "hif"), package="pi-heif"),
    Format(RAW, "rclip_like.images.raw", RAW_ENDINGS, package="rawpy"),
    Format(
        VIDEO,
        "rclip_like.images.video",
        tuple(sorted(ending[1:].decode() for ending in VIDEO_EXTENSIONS)),
        package="av",
    ),
)
"""Everything that is ever read: videos by a reader of their own, all else by Pillow. PostScript,
PDF and metafiles are left out: their readers start programs."""

_BY_CONTENT = tuple(f.name for f in FORMATS if f.name not in ("AVIF", "TGA", HEIF, RAW, VIDEO))


def possible_formats(data: bytes, ending: bytes) -> tuple[str, ...]:
    """Return Pillow's names of the formats to try on a file with this content and ending.

    The content decides; only TGA, which has no signature, needs its ending.
    Raises ImportError when the reader of the only possible format is not installed.
    """
    names = _BY_CONTENT
    if is_raw(data, ending):
        names = (RAW,)
    elif data[4:8] == b"ftyp":
        box = data[: min(int.from_bytes(data[:4], "big"), 256)]
        brands = {box[start : start + 4] for start in (8, *range(16, len(box), 4))}
        names = ("AVIF",) if brands & {b"avif", b"avis"} else (HEIF,)
    elif ending == b".tga":
        names = (*_BY_CONTENT, "TGA")
    for each in FORMATS:
        if each.name in names:
            load_plugin(each)
    return names


def gives_parts(data: bytes, ending: bytes) -> bool:
    """Tell whether such a file's decoder gives the part that is there of one cut short."""
    is_webp = data.startswith(b"RIFF")
    return not is_webp and not {"AVIF", HEIF, RAW} & set(possible_formats(data, ending))


def reader_of(image: Image.Image) -> str:
    """Return the format of an opened picture and the version of its reader, as in "TIFF 2"."""
    name = image.format or ""
    return f"{name} {READER_VERSIONS[name]}"


@cache
def load_plugin(wanted: Format) -> None:
    """Make Pillow read a format; raises ImportError when what reads it is not installed."""
    # Image.open imports all of Pillow's plugins when one of those named is not loaded yet.
    module = import_module(wanted.plugin)
    if wanted.plugin.startswith("rclip_like.") and wanted.name != VIDEO:
        module.register()
