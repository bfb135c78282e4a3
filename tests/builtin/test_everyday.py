"""The sixty everyday words, and which photos are right for them."""

from __future__ import annotations

from recipe.everyday import EVERYDAY_WORDS, EverydayWord


def test_there_are_sixty_words_with_their_plurals() -> None:
    assert len({word.singular for word in EVERYDAY_WORDS}) == 60
    assert all(word.plural != word.singular for word in EVERYDAY_WORDS)


def test_singular_and_plural_are_right_for_each_other() -> None:
    child = EverydayWord("child", "children", "small")
    assert child.is_said(["Two Children play."])
    assert child.is_said(["a boy", "A child, alone"])
    assert not child.is_said(["childish pranks"])


def test_a_phrase_needs_both_words_in_one_text() -> None:
    car = EverydayWord("car", "cars", "red")
    assert car.phrase == "red car"
    assert car.phrase_is_said(["Red racing cars on a track"])
    assert not car.phrase_is_said(["a red ball", "a car"])


def test_a_word_without_an_adjective_has_no_phrase() -> None:
    assert EverydayWord("cat", "cats", "").phrase == ""
