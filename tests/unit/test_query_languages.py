"""Words in a script that a model for English cannot know are told, others are not."""

# ruff: noqa: RUF001 - letters that look like others are what this is about
from __future__ import annotations

from pathlib import Path

import pytest
from processes import write_pictures

from rclip_like.library import Library
from rclip_like.models.model import Model
from rclip_like.models.specification import ModelSpecification, resolve
from rclip_like.query import Kind, Query, Term, parse
from rclip_like.query.languages import foreign_words, language_notes, reads_english_alone
from rclip_like.settings import EncoderSettings


@pytest.fixture
def builtin(tiny_model: Path) -> ModelSpecification:
    """Return the tiny model under the built-in one's name."""
    return resolve(str(tiny_model))._replace(name="builtin")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("猫", ["猫"]),
        ("a black кот", ["кот"]),
        ("γάτα and قطة", ["γάτα", "قطة"]),
        ("고양이 ねこ แมว बिल्ली", ["고양이", "ねこ", "แมว", "बिल्ली"]),
        ("cat-猫 ❤️", ["cat-猫"]),
    ],
)
def test_words_with_letters_of_another_script_are_foreign(text: str, words: list[str]) -> None:
    assert foreign_words(text) == words


@pytest.mark.parametrize(
    "text",
    [
        "cat 🐈 ❤️ ㊗️ 👨‍👩‍👧 ℹ️ Ⓜ️",
        "café Müller Łódź smørrebrød cafe\u0301",
        "𝒄𝒂𝒕 ＣＡＴ ﬁsh ʻokina 4ª 100 K",
        "«cat» — “dog” … ½ €",
        "\ud800 \udcff",
    ],
)
def test_emoji_accents_signs_and_letters_of_other_shapes_are_not_foreign(text: str) -> None:
    assert foreign_words(text) == []


def test_all_terms_of_words_are_looked_at_and_the_first_is_named(
    builtin: ModelSpecification,
) -> None:
    picture = Term(1.0, Kind.PICTURE, "/album/猫.jpg", "猫.jpg")
    terms = parse(Query("2:猫", add=("dog", "собака"), subtract=("собака",)))
    (note,) = language_notes((picture, *terms), builtin)
    assert note.startswith("'猫' and 1 more: builtin understands only English")
    assert "ViT-B-32-SigLIP2-256/webli" in note
    assert language_notes(parse(Query("a café ❤️")), builtin) == ()


@pytest.mark.parametrize("name", ["/models/own", "ViT-B-32 --weights /x.pt", "hf-hub:a/b"])
def test_what_a_model_of_ones_own_reads_is_not_guessed(
    name: str, builtin: ModelSpecification
) -> None:
    assert not reads_english_alone(builtin._replace(name=name))
    assert reads_english_alone(builtin._replace(name="ViT-B-32/laion2b_s34b_b79k"))


def test_a_model_with_a_tokenizer_of_its_own_may_read_more(builtin: ModelSpecification) -> None:
    config = {"text_cfg": {"hf_tokenizer_name": "xlm-roberta-base"}}
    assert not reads_english_alone(builtin._replace(config=config))


def test_a_search_says_so_each_time(tmp_path: Path, builtin: ModelSpecification) -> None:
    write_pictures(tmp_path / "album", (b"a.png",))
    library = Library(tmp_path / "index.db", encoder=EncoderSettings(precision="fp32"))
    library._model = Model(builtin)
    for _ in range(2):  # the second time the words are cached
        notes = library.search("猫", [tmp_path / "album"]).notes
        assert [note for note in notes if "English" in note]
    assert library.search("cat ❤️", [tmp_path / "album"]).notes == ()
    library.close()
