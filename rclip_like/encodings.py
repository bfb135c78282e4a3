"""Text files that others wrote, by editors and shells of all systems: bytes to text."""

from __future__ import annotations

from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_LE


def decoded(content: bytes, *, keep_bytes: bool = False) -> str:
    """Return text in UTF-8, with or without its mark, or in UTF-16 with its mark; no mark is left.

    Nothing is guessed: raises UnicodeError for anything else. With `keep_bytes`, what is marked as
    nothing else keeps bytes that are not UTF-8, as names on Linux may be any, for `os.fsencode`.
    """
    # UTF-32 begins with the mark of UTF-16, and a NUL that no text begins with.
    if content.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) and not content.startswith(BOM_UTF32_LE):
        return content.decode("utf-16")
    errors = "surrogateescape" if keep_bytes else "strict"
    return content.removeprefix(BOM_UTF8).decode("utf-8", errors)
