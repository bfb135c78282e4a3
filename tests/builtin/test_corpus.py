"""The recipe's strings: what is collected, and what must never be."""

from __future__ import annotations

from pathlib import Path

from recipe import corpus
from recipe.photos import Photo, is_held_out
from recipe.wordnet import (
    Synset,
    imagenet_21k,
    imagenet_identifiers,
    read_nouns,
    wider_words,
)

from rclip_like.models.towers.torchvision_cure import import_open_clip

PHOTOS = [
    Photo("0", b"", "s", "research", captions=("A dog runs on grass .", "a brown dog")),
    Photo("1", b"", "s", "open", label="lime", names=("Lime",), kind="fruit", objects=("bowl",)),
]
NOUN_LINES = """  1 a line of the licence
00000001 03 n 01 entity 0 000 | what is perceived
00000010 05 n 02 dog 0 domestic_dog 0 002 @ 00000020 n 0000 ~ 00000030 n 0000 | a pet; "see it"
00000020 05 n 01 animal 0 001 @ 00000001 n 0000 | a living thing
"""


def collect(forbidden: list[str]) -> list[str]:
    meanings = [Synset(("corgi",), "a small dog with short legs")]
    return corpus.collect(["A cat on a mat."], PHOTOS, meanings, forbidden, seed=0)


def test_captions_labels_words_and_definitions_are_collected_once() -> None:
    strings = collect([])
    assert len(strings) == len(set(strings))
    wanted = {"A cat on a mat.", "a brown dog", "lime", "fruit", "bowl", "dog", "corgi"}
    assert wanted <= set(strings)
    assert {"limes", "a small dog with short legs", "bridge"} <= set(strings)


def test_captions_of_validation_photos_are_left_out_however_written() -> None:
    strings = collect(["a  CAT on a mat", "a dog runs on grass"])
    assert "A cat on a mat." not in strings
    assert "A dog runs on grass ." not in strings
    assert "a brown dog" in strings


def test_the_corpus_is_the_same_each_time() -> None:
    assert collect([]) == collect([])


def test_tokens_are_worded_as_the_tokenizer_reads_them() -> None:
    tokenizer = import_open_clip().SimpleTokenizer(context_length=32)
    words = corpus.token_words(tokenizer)
    assert len(words) == tokenizer.vocab_size == 49_408
    for text in ("cat", "lighthouse", "café"):
        numbers = tokenizer.encode(text)
        assert "".join(words[number] for number in numbers) == text


def test_wordnets_file_gives_names_definitions_and_wider_words(tmp_path: Path) -> None:
    place = tmp_path / "data.noun"
    place.write_text(NOUN_LINES, encoding="latin-1")
    nouns = read_nouns(place)
    assert nouns["n00000010"] == Synset(("dog", "domestic dog"), "a pet", ("n00000020",))
    assert wider_words(nouns, "n00000010") == ("animal",)
    assert wider_words(nouns, "n404") == ()


def test_timms_lists_name_the_classes() -> None:
    assert len(imagenet_identifiers()) == 1000
    assert imagenet_21k()["n02084071"].names[0] == "dog"


def test_the_development_part_is_chosen_by_content() -> None:
    photos = [Photo(str(n), str(n).encode(), "s", "open") for n in range(2000)]
    chosen = [photo for photo in photos if is_held_out(photo, 0.06)]
    assert 80 < len(chosen) < 160
    assert is_held_out(Photo("other", chosen[0].data, "t", "web"), 0.06)
