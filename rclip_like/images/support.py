"""Which formats this installation reads, by which package, and what the others would need."""

from __future__ import annotations

from dataclasses import dataclass

from rclip_like.images.formats import FORMATS, HEIF, Format, load_plugin


@dataclass(frozen=True, slots=True)
class Support:
    """One format as it stands here; `needs` says what is missing, also where some of it is read."""

    format: str
    endings: tuple[str, ...]
    readable: bool
    package: str
    version: str | None
    needs: str | None


def list_support() -> list[Support]:
    """Return all formats of the table; each reader is loaded, and its codec asked for."""
    return [_support(known) for known in FORMATS]


def _support(known: Format) -> Support:
    needs = _what_it_needs(known)
    # Without its codec the TIFF reader still reads what is not compressed.
    readable = needs is None or (known.codec == "libtiff" and needs.startswith("for compressed"))
    version = _version(known.package)
    return Support(known.name, known.endings, readable, known.package, version, needs)


def _what_it_needs(known: Format) -> str | None:
    try:
        load_plugin(known)
    except ImportError as error:
        missing = error.name == known.package.replace("-", "_")
        return f"pip install {known.package}" if missing else f"{known.package}: {error}"
    if known.name == HEIF:
        return None if _decodes_hevc() else "a pi-heif with a decoder of HEVC"
    from PIL import features

    if known.codec is None or features.check(known.codec):
        return None
    return f"{'for compressed files, ' * (known.codec == 'libtiff')}a Pillow with {known.codec}"


def _decodes_hevc() -> bool:
    import pi_heif

    return bool(pi_heif.libheif_info()["decoders"])


def _version(package: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None
