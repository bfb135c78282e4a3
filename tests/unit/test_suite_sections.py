"""The sections of the suite, one by one: what they draw, count and compare."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from suite_subject import LABELS, make_subject

pytest.importorskip("sklearn")
pytest.importorskip("scipy")

from rclip_like.evaluate.digits import load_digits
from rclip_like.evaluate.few_shot import LabelledFeatures, SplitFeatures
from rclip_like.evaluate.report import Interval
from rclip_like.measure.suite import prompts, shots, typography, watermark
from rclip_like.measure.suite.added_label import add_label, hold_out
from rclip_like.measure.suite.added_label import measure as measure_added
from rclip_like.measure.suite.corruptions import generator_of
from rclip_like.measure.suite.probing import probe_answers, split_features, turned
from rclip_like.measure.suite.wording import is_clear, listed, percent, points

DRAWN = np.random.default_rng(0)


def unit_rows(number: int, length: int = 8) -> np.ndarray:
    rows = DRAWN.normal(size=(number, length)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_the_chance_to_be_found_first_is_that_of_a_plain_loop() -> None:
    gallery = unit_rows(40)
    gallery[5] = gallery[6]  # a tie
    queries = (gallery + 0.3 * unit_rows(40)).astype(np.float32)
    others = unit_rows(40)
    found = watermark.first_found(queries, gallery, others)
    for number, query in enumerate(queries):
        own = query @ gallery[number]
        rivals = [query @ row for row in np.delete(gallery, number, 0)]
        rivals += [query @ row for row in np.delete(others, number, 0)]
        equal = sum(np.isclose(own, each, atol=1e-6) for each in rivals)
        expected = 0.0 if max(rivals) > own + 1e-6 else 1 / (1 + equal)
        assert found[number] == pytest.approx(expected)


def test_every_picture_finds_itself() -> None:
    rows = unit_rows(30)
    np.testing.assert_array_equal(watermark.first_found(rows, rows), np.ones(30))


def test_an_added_label_takes_what_a_plain_loop_counts() -> None:
    scores, truth = DRAWN.normal(size=(200, 6)).astype(np.float32), np.arange(200) % 6
    for label in range(6):
        own = taken = taken_own = taken_right = 0
        takes_from, stand_ins = [], []
        for row, true in zip(scores, truth, strict=True):
            before = max((each for each in range(6) if each != label), key=row.__getitem__)
            is_taken = row[label] > row[before]
            own += true == label
            taken += is_taken
            taken_own += is_taken and true == label
            taken_right += is_taken and true == before
            if true == label:
                stand_ins.append(before)
            elif is_taken:
                takes_from.append(before)
        found = add_label(scores, truth, label)
        assert found[:5] == (label, own, taken, taken_own, taken_right)
        assert found.takes_from.tolist() == takes_from
        assert found.stand_ins.tolist() == stand_ins


def test_labels_are_held_out_by_the_seed_and_have_some_pictures() -> None:
    truth = np.repeat(np.arange(20), [4, *[5] * 19])
    assert hold_out(truth, 0) == hold_out(truth, 0) != hold_out(truth, 1)
    assert len(hold_out(truth, 0)) == 8
    assert all(0 not in hold_out(truth, seed) for seed in range(30))


def test_labels_added_are_reported_with_intervals(tiny_model: Path) -> None:
    subject = make_subject(tiny_model, 18)
    held_out, ways_out = measure_added(subject).tables
    assert [row[0] for row in held_out.rows] == list(LABELS)
    answers = subject.answers(subject.rows)
    for number, row in enumerate(held_out.rows):
        recall = (answers[subject.truth == number] == number).mean()
        assert row[2].value == pytest.approx(recall)
        assert row[2].low < row[2].high
    wrong = float((answers != subject.truth).mean())
    for _, taken, wrong_before, of_wrong, _ in ways_out.rows:
        if taken.value:
            found = wrong_before.value * taken.value / wrong
            assert of_wrong.value == pytest.approx(found)


def test_without_labels_to_hold_out_there_are_ways_out_alone(tiny_model: Path) -> None:
    section = measure_added(make_subject(tiny_model, 6))
    assert [table.key for table in section.tables] == ["ways_out"]


def test_the_wrong_label_hangs_on_content_and_is_never_the_right_one(
    tiny_model: Path,
) -> None:
    subject = make_subject(tiny_model)
    targets = typography.wrong_labels(subject, np.arange(len(LABELS)))
    assert (targets != subject.truth).all()
    again = typography.wrong_labels(make_subject(tiny_model, 6), np.arange(len(LABELS)))
    np.testing.assert_array_equal(again, targets[:6])


def test_random_letters_are_as_many_and_others() -> None:
    for number in range(50):
        letters = typography.random_letters("ab", generator_of(number))
        assert len(letters) == 2
        assert letters != "ab"


def test_labels_that_cannot_be_drawn_are_not_attacked_with(tiny_model: Path) -> None:
    subject = make_subject(tiny_model)
    foreign = subject.__class__(**{**vars_of(subject), "labels": ("猫", "犬", "red square")})
    section = typography.measure(foreign)
    assert section.sentences[0].startswith("Not measured")
    assert not section.tables


def test_few_pictures_a_label_are_not_probed(tiny_model: Path) -> None:
    section = shots.measure(make_subject(tiny_model, 6))
    assert section.sentences[0].startswith("Not measured")
    assert shots.num_pictures(make_subject(tiny_model, 6).truth) == 0


def test_shots_name_the_crossing_and_draw_the_level(tiny_model: Path) -> None:
    section = shots.measure(make_subject(tiny_model, 30))
    (chart,) = section.charts
    assert set(chart.levels) == {"probe on all pictures"}
    zero_shot = chart.lines[1]
    assert zero_shot.name.startswith("zero-shot")
    assert zero_shot.low[0] < zero_shot.y[0] < zero_shot.high[0]
    assert chart.lines[0].x == (1, 2, 4)
    assert section.tables[0].rows[0][0].startswith("words alone")


def test_prompts_compare_with_one_sentence(tiny_model: Path) -> None:
    (table,) = prompts.measure(make_subject(tiny_model)).tables
    difference_of = {row[0]: row[2] for row in table.rows}
    assert difference_of.pop("a photo of a {}.") is None
    assert len(difference_of) == 3
    assert all(isinstance(each, Interval) for each in difference_of.values())


def test_turned_features_keep_every_length_and_angle() -> None:
    features = DRAWN.normal(size=(12, 50))
    np.testing.assert_allclose(turned(features) @ turned(features).T, features @ features.T)
    assert turned(features).shape == (12, 12)
    assert turned(features.T).shape == (50, 12)


def test_a_probe_of_turned_features_gives_the_same_labels() -> None:
    numbers = np.repeat(np.arange(3), 20)
    features = DRAWN.normal(size=(60, 200)) + 3 * np.eye(3, 200)[numbers]
    digests = [bytes([number]) for number in range(60)]
    split, test = split_features(features, numbers, digests, seed=0)
    plain = SplitFeatures(*(LabelledFeatures(*each) for each in split))._asdict()
    place = {digest: number for number, digest in enumerate(digests)}
    unturned = SplitFeatures(
        **{
            name: side._replace(features=features[[place[each] for each in side.digests]])
            for name, side in plain.items()
        }
    )
    np.testing.assert_array_equal(probe_answers(split), probe_answers(unturned))
    np.testing.assert_array_equal(numbers[test], split.test.numbers)


def test_digits_are_those_of_scikit_learn() -> None:
    digits = load_digits()
    assert digits.pixels.shape == (1797, 8, 8)
    assert digits.pixels.max() == 255
    assert np.bincount(digits.numbers).tolist() == [
        178,
        182,
        177,
        183,
        181,
        182,
        181,
        179,
        174,
        180,
    ]


def test_figures_in_sentences() -> None:
    assert percent(0.1234) == "12.3 %"
    assert percent(Interval(0.5, 0.4, 0.6)) == "50.0 % (40.0 to 60.0)"
    assert points(Interval(0.01, -0.02, 0.04)) == "+1.0 points (-2.0 to +4.0)"
    assert not is_clear(Interval(0.01, -0.02, 0.04))
    assert is_clear(Interval(-0.1, -0.2, -0.01))
    assert listed(["a", "b", "c"], most=2) == "a, b and 1 more"


def vars_of(subject: object) -> dict[str, object]:
    """Return a dataclass's fields, without what it has cached."""
    return {name: getattr(subject, name) for name in subject.__dataclass_fields__}
