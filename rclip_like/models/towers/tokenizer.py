"""Text to token numbers, exactly as open_clip's default tokenizer, in milliseconds."""

from __future__ import annotations

import functools
import re
from pathlib import Path
from typing import Any

import blake3
import numpy as np
import numpy.typing as npt

from rclip_like.errors import ModelError

VERSION = "clip-bpe-1"
"""Stands beside remembered texts. The number rises when a text would give other tokens than before.
"""

START = 49_406
END = 49_407

_MERGES_DIGEST = "b189663d651f786e35ed1c222d751e4645d82126827b297faafa478fced4fc0e"
_REMEDY = "install clipfind anew"
_NUM_MERGES = 48_894
_WORD_END = 256
"""A byte that ends a word has the number of the same byte inside a word plus this."""
_SPECIAL = {"<start_of_text>": START, "<end_of_text>": END}
_WORDS = "|".join([*_SPECIAL, "'s", "'t", "'re", "'ve", "'m", "'ll", "'d"])
_PLAIN_WORDS = _WORDS + r"|[a-z]+|[0-9]|[^\sa-z0-9]+"
_ALL_WORDS = _WORDS + r"|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+"
_BYTES_KEPT_PER_TOKEN = 40
"""Of a word. No token has more than 32 bytes, and what lies further off changes none of those that
fit; a word of a megabyte would take hours, as merging takes the square of its length."""
_ENDLESS_NUMBER = re.compile("([0-9]{4000})[0-9]+")
_PLAIN_TEXT = re.compile("[ -%'-~]*")
"""Printable ASCII without the ampersand: neither ftfy nor HTML has anything to mend in it."""


def tokenize(text: str, context_length: int = 77) -> list[int]:
    """Return the numbers of a text's tokens, from start to end token, not padded.

    The text is cleaned (ftfy, HTML entities twice, white space, lower case). One too long for the
    context is cut, and its last token replaced by the end token.
    """
    tokens = _leading_tokens(text, context_length)
    if len(tokens) > context_length:
        tokens = [*tokens[: context_length - 1], END]
    return tokens


def is_cut(text: str, context_length: int = 77, tokenizer: Any = None) -> bool:
    """Return whether a text is too long for the context, so that its end does not count.

    tokenizer: the model's own where it is one of another library, in open_clip's wrapping.
    """
    foreign = getattr(tokenizer, "tokenizer", None)
    if foreign is None:
        return len(_leading_tokens(text, context_length)) > context_length
    is_clips = tokenizer.tokenizer_mode == "clips"  # which adds three special tokens by itself
    room = context_length - 3 if is_clips else context_length
    cleaned = tokenizer.clean_fn(tamed(text))
    limits = {"truncation": True, "max_length": room + 1, "add_special_tokens": not is_clips}
    return len(foreign(cleaned, **limits).input_ids) > room


def tamed(text: str) -> str:
    """Return the text with no number so long that Python refuses to read it in an HTML entity.

    Elsewhere, what is left of such a number still fills any model's context.
    """
    return _ENDLESS_NUMBER.sub(r"\1", text)


def _leading_tokens(text: str, context_length: int) -> list[int]:
    """Return a text's tokens from start to end token, of a longer one some more than fit."""
    tokens = [START]
    num_bytes = context_length * _BYTES_KEPT_PER_TOKEN
    for word in _split(text):
        if len(tokens) >= context_length:
            break
        special = _SPECIAL.get(word)
        tokens += [special] if special else _word_tokens(word.encode(errors="replace")[:num_bytes])
    tokens.append(END)
    return tokens


def _split(text: str) -> list[str]:
    if _PLAIN_TEXT.fullmatch(text):
        return re.findall(_PLAIN_WORDS, " ".join(text.split()).lower())
    import html

    import ftfy
    import regex  # type: ignore[import-untyped]

    cleaned = html.unescape(html.unescape(ftfy.fix_text(tamed(text))))
    words: list[str] = regex.findall(
        _ALL_WORDS, " ".join(cleaned.split()).lower(), regex.IGNORECASE
    )
    return words


@functools.lru_cache(maxsize=1 << 16)
def _word_tokens(word: bytes) -> tuple[int, ...]:
    """Return a word's tokens: its bytes, with the best-ranked pair merged until none is left."""
    pairs, results = load_merges()
    numbers = _byte_numbers()
    tokens = [numbers[byte] for byte in word]
    tokens[-1] += _WORD_END
    while len(tokens) > 1:
        wanted = _pair(np.array(tokens[:-1]), np.array(tokens[1:]))
        ranks = np.searchsorted(pairs, wanted).clip(max=_NUM_MERGES - 1)
        merged = np.where(pairs[ranks] == wanted, results[ranks], START)
        best = int(merged.argmin())
        if merged[best] == START:
            break
        tokens = _merge(tokens, tokens[best], tokens[best + 1], int(merged[best]))
    return tuple(tokens)


def _merge(tokens: list[int], first: int, second: int, merged: int) -> list[int]:
    result: list[int] = []
    index = 0
    while index < len(tokens):
        if tokens[index : index + 2] == [first, second]:
            result.append(merged)
            index += 2
        else:
            result.append(tokens[index])
            index += 1
    return result


def _pair(first: npt.NDArray[Any], second: npt.NDArray[Any]) -> npt.NDArray[np.uint32]:
    pairs: npt.NDArray[np.uint32] = (first << 16 | second).astype(np.uint32)
    return pairs


@functools.cache
def _byte_numbers() -> list[int]:
    """Return the token number of each byte: printable Latin-1 first, the rest after it."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    order = printable + others
    return [order.index(byte) for byte in range(256)]


@functools.cache
def load_merges() -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint16]]:
    """Return the merges: the pairs in ascending order (48894,), and what each becomes.

    What a pair becomes is also its rank: tokens are numbered in the order of the merges. Raises
    ModelError when the file that comes with the package is not as it was made.
    """
    path = Path(__file__).with_name("clip_merges.bin")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}); {_REMEDY}") from error
    if blake3.blake3(content).hexdigest() != _MERGES_DIGEST:
        raise ModelError(f"{path} is damaged; {_REMEDY}")
    pairs = np.frombuffer(content, dtype="<u4", count=_NUM_MERGES)
    return pairs, np.frombuffer(content, dtype="<u2", offset=pairs.nbytes)
