"""The tokenizer against open_clip's own."""

from __future__ import annotations

import functools
import gzip
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from blake3 import blake3
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from rclip_like.errors import ModelError
from rclip_like.models.towers import tokenizer
from rclip_like.models.towers.tokenizer import END, START, is_cut, tokenize

WORDS = st.sampled_from(
    [
        "don't",
        "it's",
        "\u2019s",
        "'\u017f",
        "&amp;",
        "&amp;amp;amp;lt;",
        "&eacute;",
        "<end_of_text>",
        "<START_OF_TEXT>",
        "<\u017ftart_of_text>",
        "İstanbul",
        "Ǆ",
        "ﬁne",
        "٣²½",
        "日本の猫",
        "한국어",
        "🐈\u200d⬛",
        "👩🏽\u200d🚀",
        "\x00",
        "\u200b",
        "\ufeff",
        "\x1b[31m",
        "â€œquoteâ€",
        "schÃ¶n",
        "...",
        "#1",
        "f/2.8",
        "red_car",
        "ZÜRICH",
        "naïve",
        "é",
        "IMG_20240101",
    ]
    + ["\r\n", "\x1c", "\x85", "\u3000"]
)
MERGES = Path(tokenizer.__file__).with_name("clip_merges.bin")
TEXTS = st.one_of(
    st.text(max_size=60),
    st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126), max_size=80),
    st.lists(st.one_of(WORDS, st.text(max_size=8)), max_size=12).map(" ".join),
)


@functools.cache
def reference_tokenizer() -> object:
    from rclip_like.models.towers.torchvision_cure import import_open_clip

    return import_open_clip().SimpleTokenizer()


def reference(text: str, context_length: int) -> list[int]:
    (row,) = reference_tokenizer()(text, context_length=context_length)  # type: ignore[operator]
    tokens: list[int] = row.tolist()
    return tokens[: tokens.index(END) + 1] if END in tokens else tokens


@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(TEXTS, st.sampled_from([8, 32, 77]))
@example("a photo of a cat, don't you think? 2024's best!", 77)
@example("🐱 猫 кошка chat &amp; katze", 77)
@example("word " * 200, 77)
@example("x" * 300, 32)
@example("", 77)
def test_tokens_equal_those_of_open_clip(text: str, context_length: int) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        return
    ours = tokenize(text, context_length)
    assert ours[: ours.index(END) + 1] == reference(text, context_length)


def test_bytes_that_are_no_text_do_not_stop_a_query() -> None:
    assert tokenize("caf\udce9") == tokenize("caf\ufffd")


def test_text_too_long_keeps_its_end_token() -> None:
    tokens = tokenize("cat " * 100, 16)
    assert len(tokens) == 16
    assert (tokens[0], tokens[-1]) == (START, END)


@pytest.mark.parametrize("seed", range(5))
def test_of_an_endless_word_the_beginning_is_what_open_clip_makes_of_it(seed: int) -> None:
    letters = ("abcdefghijklmnopqrstuvwxyz", "aab", "ha", "äöüé", "etaoin")[seed]
    word = "".join(np.random.default_rng(seed).choice(list(letters), 1500))
    assert len(word.encode()) > 2 * 8 * tokenizer._BYTES_KEPT_PER_TOKEN
    assert tokenize(word, 8) == reference(word, 8)


@pytest.mark.parametrize("text", ["x" * (1 << 20), "cat " * (1 << 18), "9" * (1 << 20)])
def test_a_megabyte_is_cut_as_any_text_is(text: str) -> None:
    tokens = tokenize(text)
    assert (len(tokens), tokens[0], tokens[-1]) == (77, START, END)
    assert tokens == tokenize(text[:4500])


def test_an_entity_with_an_endless_number_is_one_character() -> None:
    assert tokenize("&#" + "9" * 5000 + "; cat") == tokenize("\ufffd cat")


def test_a_text_is_cut_from_the_first_token_on_that_does_not_fit() -> None:
    assert not is_cut("cat " * 6, 8)
    assert is_cut("cat " * 7, 8)
    assert tokenize("cat " * 7, 8) == tokenize("cat " * 6, 8)


def test_the_merges_that_come_along_are_those_of_open_clip() -> None:
    """And so the file is made: pairs in ascending order, then what each becomes."""
    from importlib.resources import files

    vocabulary = gzip.decompress(
        files("open_clip").joinpath("bpe_simple_vocab_16e6.txt.gz").read_bytes()
    )
    merges = [line.split() for line in vocabulary.decode().split("\n")[1 : 1 + 48_894]]
    numbers = reference_tokenizer().encoder  # type: ignore[attr-defined]
    pairs = np.array([numbers[one] << 16 | numbers[other] for one, other in merges], "<u4")
    results = np.array([numbers[one + other] for one, other in merges], "<u2")
    ascending = pairs.argsort()
    content = pairs[ascending].tobytes() + results[ascending].tobytes()
    assert MERGES.read_bytes() == content
    assert blake3(content).hexdigest() == tokenizer._MERGES_DIGEST


@pytest.mark.parametrize("kind", ["bit", "cut", "gone"])
def test_damaged_merges_are_told_and_never_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    place = tmp_path / "clip_merges.bin"
    content = bytearray(MERGES.read_bytes())
    content[200_000] ^= 1
    if kind != "gone":
        place.write_bytes(content if kind == "bit" else content[:1000])
    monkeypatch.setattr(tokenizer, "__file__", str(tmp_path / "tokenizer.py"))
    tokenizer.load_merges.cache_clear()
    tokenizer._word_tokens.cache_clear()
    with pytest.raises(ModelError, match=rf"{place}.*install clipfind anew"):
        tokenize("cat")


def test_no_cache_is_kept_of_them(own_folders: Path) -> None:
    tokenizer.load_merges.cache_clear()
    tokenize("zebra")
    assert list(own_folders.rglob("merges*")) == []


@pytest.mark.parametrize("text", ["a cat", "eine Katze für zwei"])
def test_tokenizing_loads_neither_torch_nor_open_clip(text: str) -> None:
    code = (
        "import sys; from rclip_like.models.towers.tokenizer import tokenize;"
        "tokenize(sys.argv[1]);"
        "print([name for name in ('torch', 'open_clip', 'transformers') if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, text], capture_output=True, text=True, check=True
    )
    assert result.stdout.strip() == "[]"
