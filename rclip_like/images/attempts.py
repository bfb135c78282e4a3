"""What a file was tried with when it could not be read, and whether that might end otherwise now.

What is remembered of a failure names the readers' versions, and those limits that it ran into.
"""

from __future__ import annotations

from rclip_like.errors import Reason
from rclip_like.images.limits import within_memory
from rclip_like.settings import ReadSettings

_READERS = 2
"""What rises when clipfind itself reads more than before: failures are then tried again."""

_ACCEPTING = "; truncated pictures accepted"
_BY_MEMORY = frozenset((Reason.TOO_MUCH_MEMORY, Reason.FILE_TOO_LARGE))


def reader_versions() -> str:
    """Return the versions of what decodes, so that a newer one may try failures again."""
    from importlib.metadata import PackageNotFoundError, version

    versions = []
    for package in ("pillow", "pi-heif", "rawpy"):
        try:
            versions.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            continue
    return ", ".join((*versions, f"readers {_READERS}"))


def describe_attempt(limits: ReadSettings, code: Reason | None) -> str:
    """Return what to remember of a failure with this reason, beside the reason."""
    memory, pixels = _limits_in_words(limits)
    met = pixels if code is Reason.TOO_LARGE else memory if code in _BY_MEMORY else ""
    return reader_versions() + met + _ACCEPTING * limits.accept_truncated


def hopeless_attempts(limits: ReadSettings) -> frozenset[str]:
    """Return what is remembered of the failures that would end the same with these limits.

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
