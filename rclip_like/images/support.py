"""What this installation reads, by which packages, and what is remembered of a failed attempt.

A failure's memory names the readers' versions, and those limits that it ran into: with newer
readers, or wider limits, the file is tried again.
"""

from __future__ import annotations

from dataclasses import dataclass

from rclip_like.errors import Reason
from rclip_like.images.formats import FORMATS, HEIF, Format, load_plugin
from rclip_like.images.limits import within_memory
from rclip_like.settings import ReadSettings

_READERS = 2
"""Rises when clipfind itself reads more than before; failures are then tried again."""

_ACCEPTING = "; truncated pictures accepted"
_BY_MEMORY = frozenset((Reason.TOO_MUCH_MEMORY, Reason.FILE_TOO_LARGE))


@dataclass(frozen=True, slots=True)
class Support:
    """One format in this installation; `needs` says what is missing to read all of it."""

    format: str
    endings: tuple[str, ...]
    readable: bool
    package: str
    version: str | None
    needs: str | None


def list_support() -> list[Support]:
    """Return all formats of the table; each reader is loaded, and its codec asked for."""
    support = []
    for each in FORMATS:
        needs = _what_it_needs(each)
        # Without its codec the TIFF reader still reads what is not compressed.
        readable = needs is None or (each.codec == "libtiff" and needs.startswith("for compressed"))
        version = _version(each.package)
        support.append(Support(each.name, each.endings, readable, each.package, version, needs))
    return support


def reader_versions() -> str:
    """Return the versions of what decodes, so that a newer one may try failures again."""
    packages = ("pillow", "pi-heif", "rawpy", "av")
    versions = [f"{package} {found}" for package in packages if (found := _version(package))]
    return ", ".join((*versions, f"readers {_READERS}"))


def describe_attempt(limits: ReadSettings, code: Reason | None) -> str:
    """Return what an index remembers of a failure beside its reason."""
    memory, pixels = _limits_in_words(limits)
    met = pixels if code is Reason.TOO_LARGE else memory if code in _BY_MEMORY else ""
    return reader_versions() + met + _ACCEPTING * limits.accept_truncated


def hopeless_attempts(limits: ReadSettings) -> frozenset[str]:
    """Return the descriptions of attempts that would fail again with these limits.

    What was refused while truncated pictures were accepted is refused when they are not.
    """
    versions = reader_versions()
    tried = [versions + met for met in ("", *_limits_in_words(limits))]
    accepting = [each + _ACCEPTING for each in tried]
    return frozenset(accepting if limits.accept_truncated else tried + accepting)


def _limits_in_words(limits: ReadSettings) -> tuple[str, str]:
    """Return the limit of memory, and that of pixels with it, as added to the versions."""
    memory = f"; {within_memory(limits).max_memory_bytes} bytes"
    if limits.max_megapixels is None:
        return memory, f"{memory} for pixels"
    return memory, f"; {limits.max_megapixels:g} megapixels"


def _what_it_needs(wanted: Format) -> str | None:
    try:
        load_plugin(wanted)
    except ImportError as error:
        missing = error.name == wanted.package.replace("-", "_")
        return f"pip install {wanted.package}" if missing else f"{wanted.package}: {error}"
    if wanted.name == HEIF:
        import pi_heif

        decoders = pi_heif.libheif_info()["decoders"]
        return None if decoders else "a pi-heif with a decoder of HEVC"
    from PIL import features

    if wanted.codec is None or features.check(wanted.codec):
        return None
    return f"{'for compressed files, ' * (wanted.codec == 'libtiff')}a Pillow with {wanted.codec}"


def _version(package: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None
