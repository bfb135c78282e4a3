"""What a training run says at its end, in sentences, tables, Markdown and JSON."""

from __future__ import annotations

import pytest
from described import as_described
from train_reports import compared, gain, interval, train_report

from rclip_like.output.trained import folder_texts, trained_lines, trained_object
from rclip_like.page.report import report_page
from rclip_like.train.gain import Gain
from rclip_like.train.report import outcome_sentences
from rclip_like.train.retention_figures import Change
from rclip_like.train.values import TrainReport
from rclip_like.values import Trouble

RANK = "mean reciprocal rank (how near the top the right picture stands: 1 first, 0.5 second)"


def _texts(report: TrainReport, version: str, when: str) -> dict[str, str]:
    return folder_texts(report, version, when, report_page)


def test_what_was_gained_and_forgotten_is_said_with_intervals() -> None:
    assert outcome_sentences(train_report()) == [
        "our-model finds your pictures better than builtin.",
        "Its alpha is 0.5, where 0 is builtin and 1 the fully trained model. "
        f"The {RANK} gains +10.0 points (+8.0 to +12.0).",
        "70.0 % of 400 held-out captions find their own picture among the first 10 of 400, 50.0 % "
        "with builtin: +20.0 points (+18.0 to +22.0).",
        "On 500 pictures of your index it lost 0.4 points (-0.1 to +0.9).",
    ]


def test_that_the_starting_model_was_saved_is_said_first() -> None:
    nothing = {0.0: gain(0.5), 0.5: gain(0.51), 1.0: gain(0.4)}
    told = outcome_sentences(train_report(0.0, nothing))
    assert told == [
        "The starting model was saved: our-model holds builtin unchanged.",
        f"The best of the trained models changes the {RANK} by +0.5 points (-1.5 to +2.5), which "
        "may be chance.",
    ]


def test_a_loss_on_held_out_pairs_is_not_called_the_best() -> None:
    worse = {0.0: gain(0.5), 1.0: gain(0.4)}
    assert outcome_sentences(train_report(0.0, worse))[1] == (
        f"No trained model was better: the best one changes the {RANK} by -5.0 points (-7.0 to "
        "-3.0)."
    )


def test_a_gain_that_costs_too_much_elsewhere_is_said() -> None:
    told = outcome_sentences(train_report(0.0))
    assert told[1] == (
        f"The {RANK} would gain +10.0 points (+8.0 to +12.0), but the model would forget more than "
        "a point."
    )


def test_with_few_held_out_pictures_counts_are_said_and_no_percentage() -> None:
    few = {0.0: gain(0.5, 60), 1.0: gain(0.7, 60)}
    report = train_report(1.0, few, forgotten={}, retained_on="")
    told = outcome_sentences(report)
    assert told[2] == (
        "42 of 60 held-out captions find their own picture among the first 10 of 60, 30 of 60 "
        "with builtin: +12 (+11 to +13)."
    )
    assert told[3] == "What it forgot of other pictures was not measured."
    assert "%" not in "\n".join(trained_lines(report))


def test_with_a_handful_of_held_out_pictures_no_share_is_said() -> None:
    told = outcome_sentences(train_report(1.0, {0.0: gain(0.5, 3), 1.0: gain(0.9, 3)}))
    assert told[2] == "3 held-out pictures are too few for a share of right results."


def test_an_alpha_that_was_asked_for_promises_nothing() -> None:
    told = outcome_sentences(
        train_report(1.0, {0.0: gain(0.5), 1.0: gain(0.51)}, is_alpha_asked=True)
    )
    assert told[0] == "It is not certain that our-model finds your pictures better than builtin."
    assert told[1] == (
        "Its alpha is 1, as asked for, where 0 is builtin and 1 the fully trained model."
    )


def test_a_figure_without_an_interval_is_told_without_one() -> None:
    equal = gain(0.5, 60, width=float("nan"))
    told = "\n".join(outcome_sentences(train_report(1.0, {0.0: equal, 1.0: equal})))
    assert "nan" not in told
    assert "30 of 60" in told
    assert "nan" not in "\n".join(trained_lines(train_report(1.0, {0.0: equal, 1.0: equal})))


def test_labels_are_told_as_labels() -> None:
    found = compared(0.5, 0.7, 200, 0.02)
    labelled = Gain(200, found, found, found.gained_recall[1])
    told = outcome_sentences(train_report(1.0, {0.0: labelled, 1.0: labelled}, num_labels=5))
    assert told[1].startswith("Its alpha is 1, where 0 is builtin")
    assert "The accuracy of held-out pictures gains +" in told[1]
    assert "of 200 held-out pictures get their own label" in told[2]


def test_what_is_printed_has_a_table_with_before_and_after() -> None:
    lines = list(trained_lines(train_report()))
    assert "captions, recall@10   50.0 %" in "\n".join(lines)
    assert all(len(line) <= 100 for line in lines)


def test_the_figure_that_lost_most_is_named_and_all_are_shown() -> None:
    lost = interval(0.4, 0.5)
    changed = (
        Change("labels-150", "top-1 among 150 labels", 0.94, 0.936, lost, decides=True),
        Change("queries", "queries that keep their picture", 1.0, 1.0, interval(0.0), decides=True),
    )
    report = train_report(changed={0.5: changed})
    assert outcome_sentences(report)[-1].endswith(
        "points (-0.1 to +0.9) of top-1 among 150 labels."
    )
    text = _texts(report, "0.1.0", "2026-11-29T12:00:00+00:00")["report.md"]
    assert "| top-1 among 150 labels | 94.0 % | 93.6 % | -0.4 (-0.9 to +0.1) |" in text
    assert "| queries that keep their picture | 100.0 % | 100.0 % | +0.0 " in text
    told = as_described(trained_object(report), "train")
    assert [each["figure"] for each in told["forgotten"][1]["figures"]] == ["labels-150", "queries"]


def test_the_object_is_as_its_schema_says() -> None:
    told = as_described(trained_object(train_report()), "train")
    assert told["is_start"] is False
    assert told["gain"][1]["of_texts"]["recall"]["10"]["value"] == pytest.approx(0.7)
    as_described(trained_object(train_report(0.0, {}, plan=None, forgotten={})), "train")


def test_the_folders_texts_name_no_folder_of_the_user() -> None:
    texts = _texts(train_report(), "0.1.0", "2026-11-29T12:00:00+00:00")
    assert set(texts) == {"report.md", "report.html", "report.json", "MODEL_CARD.md"}
    assert all("/home/ann" not in text for text in texts.values())
    as_described(texts["report.json"])
    for heading in ("# Training of our-model", "## What was gained", "### Gain at alpha 0.5"):
        assert heading in texts["report.md"]
    card = texts["MODEL_CARD.md"]
    assert "Each pair was held out once, in 5 runs that did not learn from it" in card
    assert "whose licence" not in card
    for part in (
        "trained from: builtin",
        "preset: head",
        "seed: 0",
        "is MIT",
        "1 pair: it is empty",
    ):
        assert part in card


def test_a_kept_start_is_never_called_a_trained_model() -> None:
    nothing = {0.0: gain(0.5), 1.0: gain(0.4)}
    texts = _texts(train_report(0.0, nothing), "0.1.0", "")
    assert texts["report.md"].startswith("# Training of our-model, which holds builtin as it was\n")
    assert texts["MODEL_CARD.md"].startswith("# our-model, which holds builtin as it was\n")
    for name in ("report.md", "MODEL_CARD.md"):
        assert "the saved model learnt" not in texts[name]
        assert "the model that learnt from all pairs was not saved" in texts[name]
        assert "- fingerprint of start: abababababab" in texts[name]
    shared = train_report(0.0, nothing, plan=None)
    card = _texts(shared, "0.1.0", "")["MODEL_CARD.md"]
    assert "The trained model, which was not saved, did not learn from the 400 pictures" in card


def test_the_figure_that_decides_has_a_row_and_recall_its_number_of_pictures() -> None:
    told = " ".join(" ".join(trained_lines(train_report())).split())
    assert "mean reciprocal rank 25.0 % (20.0 to 30.0) 35.0 %" in told
    assert "among the pictures of its own fold, at least 400." in told
    few = train_report(1.0, {0.0: gain(0.5, 60), 1.0: gain(0.7, 60)})
    told = " ".join(" ".join(trained_lines(few)).split())
    assert "mean reciprocal rank 0.25 0.35 +0.10 (+0.08 to +0.12)" in told


def test_the_saved_and_the_best_alpha_are_shown_in_full_and_all_in_json() -> None:
    texts = _texts(train_report(), "0.1.0", "")
    assert "### Gain at alpha 0.5" in texts["report.md"]
    assert "### Gain at alpha 1" not in texts["report.md"]
    assert '"gain-1"' in texts["report.json"]
    assert "| 1 | +5.0 (+3.0 to +7.0) |" in texts["report.md"]


def test_a_change_that_rounds_to_zero_has_no_minus() -> None:
    told = _texts(train_report(1.0, {0.0: gain(0.5), 1.0: gain(0.49999)}), "0.1.0", "")["report.md"]
    assert "-0.0 " not in told
    assert "-0.0)" not in told


def test_the_batch_is_the_one_that_was_used() -> None:
    report = train_report(batch_size=150, fold_batch_size=240)
    assert "- batch: 150, in the folds 240" in _texts(report, "0.1.0", "")["report.md"]


def test_the_report_names_what_was_left_out_and_the_card_counts_it() -> None:
    skipped = (
        Trouble(b"/home/ann/pictures/goats/x.jpg", "it is empty"),
        Trouble(b"/home/bob/elsewhere.jpg", "it is empty"),
    )
    report = train_report(skipped=skipped, folder=b"/home/ann/pictures")
    texts = _texts(report, "0.1.0", "")
    assert "| goats/x.jpg | it is empty |" in texts["report.md"]
    assert "| elsewhere.jpg | it is empty |" in texts["report.md"]
    assert "x.jpg" not in texts["MODEL_CARD.md"]
    assert "2 pairs: it is empty" in texts["MODEL_CARD.md"]
    assert not any("/home" in text for text in texts.values())
