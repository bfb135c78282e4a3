"""`clipfind classify`: what is printed, for whom, and with which exit status."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from functools import partial
from pathlib import Path

import pytest
from described import as_described
from processes import ODD_NAMES, run, run_on_terminal, start, write_pictures

from rclip_like.cli.classify import WITHOUT_EFFECT
from rclip_like.cli.commands import COMMANDS
from rclip_like.cli.options import refuse_without_effect
from rclip_like.errors import UsageError
from rclip_like.evaluate.packages import has_research

described_line = partial(as_described, schema="classify")
LABELS = ("--labels", 'cat,dog,"red car"')
NAMES = {"cat", "dog", "red car"}


def lines_of(*arguments: str | Path) -> list[list[str]]:
    """Return the columns of each line that is printed in a pipe."""
    finished = run("classify", *LABELS, *arguments)
    assert finished.returncode == 0, finished.stderr.decode()
    return [line.split("\t") for line in os.fsdecode(finished.stdout).splitlines()]


def objects_of(*arguments: str | Path) -> list[dict[str, object]]:
    finished = run("classify", *LABELS, "--json", *arguments)
    assert finished.returncode == 0, finished.stderr.decode()
    return [as_described(line, "classify") for line in finished.stdout.splitlines()]


def test_a_pipe_gets_label_probability_and_path_in_order_of_path(indexed: Path) -> None:
    lines = lines_of("pictures", "-n")
    assert [path for *_, path in lines] == [
        "pictures/deep/three.jpg",
        "pictures/one.png",
        "pictures/two.png",
    ]
    assert {label for label, *_ in lines} <= NAMES
    assert all(re.fullmatch(r"[01]\.\d{4}", probability) for _, probability, _ in lines)


def test_several_labels_a_picture_stand_in_lines_of_their_own(indexed: Path) -> None:
    lines = lines_of("pictures", "-n", "--top", "0")
    assert len(lines) == 3 * 3
    for first in (0, 3, 6):
        some = lines[first : first + 3]
        assert {label for label, *_ in some} == NAMES
        assert sum(float(each[1]) for each in some) == pytest.approx(1, abs=2e-4)
        assert [each[1] for each in some] == sorted((each[1] for each in some), reverse=True)


def test_json_has_one_documented_object_a_line(indexed: Path) -> None:
    (plain, *_) = objects_of("pictures", "-n")
    assert set(plain) == {"path", "label", "probability", "score", "rank", "model"}
    (several, *_) = objects_of("pictures", "-n", "-t", "2")
    assert set(several) == {*plain, "labels"}
    assert isinstance(several["labels"], list)
    assert [each["rank"] for each in several["labels"]] == [1, 2]
    assert several["labels"][0]["label"] == plain["label"]


def test_below_the_threshold_the_best_label_is_still_told(indexed: Path) -> None:
    finished = run("classify", *LABELS, "pictures", "-n", "--threshold", "1")
    assert finished.returncode == 1
    assert {line.split(b"\t")[0] for line in finished.stdout.splitlines()} == {b"none of these"}
    finished = run("classify", *LABELS, "pictures", "-n", "--threshold", "1", "--json")
    for row in map(described_line, finished.stdout.splitlines()):
        assert (row["label"], row["best"] in NAMES) == (None, True)
    assert run("classify", *LABELS, "pictures", "-nf", "--threshold", "1").stdout == b""


def test_with_multi_a_picture_may_have_several_labels_or_none(indexed: Path) -> None:
    rows = objects_of("pictures", "-n", "--multi", "--threshold", "0")
    assert all(len(row["labels"]) == 3 for row in rows)  # type: ignore[arg-type]
    assert any(sum(each["probability"] for each in row["labels"]) > 1.01 for row in rows)  # type: ignore[attr-defined]
    finished = run("classify", "--labels", "cat", "pictures", "-n", "--multi", "--json")
    for row in map(described_line, finished.stdout.splitlines()):
        assert bool(row["labels"]) == (row["probability"] >= 0.5)


def test_only_prints_the_paths_of_one_label_each_ended_by_a_nul(indexed: Path) -> None:
    counts = Counter(label for label, *_ in lines_of("pictures", "odd", "-n"))
    label = counts.most_common(1)[0][0]
    finished = run("classify", *LABELS, "pictures", "odd", "-n", "-f0", "--only", label.upper())
    paths = finished.stdout.split(b"\0")[:-1]
    assert len(paths) == counts[label]
    assert all(os.path.exists(path) for path in paths)
    refused = run("classify", *LABELS, "pictures", "-n", "--only", "horse")
    assert (refused.returncode, b"not in the list" in refused.stderr) == (2, True)


def test_a_label_that_no_picture_is_given_exits_with_one(indexed: Path) -> None:
    words = ("--labels", "cat,dog", "pictures", "-n", "--threshold", "1")
    assert run("classify", *words, "--only", "cat").returncode == 1
    finished = run("classify", *words, "--only", "none of these", "-f")
    assert finished.stdout == b""
    assert len(run("classify", *words, "--only", "none of these").stdout.splitlines()) == 3


def test_a_template_of_ones_own(indexed: Path) -> None:
    template = "{rank}:{label}:{probability:.2f}:{score}:{path}:{model}"
    finished = run("classify", *LABELS, "pictures/one.png", "-n", "-0", "--format", template)
    rank, label, probability, score, path, model = finished.stdout.decode().split(":", 5)
    assert (rank, path, label in NAMES) == ("1", "pictures/one.png", True)
    assert (len(probability), -1 <= float(score) <= 1, model[-1]) == (4, True, "\0")
    assert run("classify", *LABELS, "-n", "--format", "{taken}").returncode == 2


def test_odd_names_keep_their_bytes_in_a_pipe_and_are_escaped_on_a_terminal(indexed: Path) -> None:
    finished = run("classify", *LABELS, "odd", "-n", "-f0")
    assert set(finished.stdout.split(b"\0")[:-1]) == {b"odd/" + name for name in ODD_NAMES}
    words = ("classify", *LABELS, "odd", "-n", "--color", "never")
    shown = run_on_terminal(*words, streams=("stdout",)).text
    assert "\x1b" not in shown
    assert "odd/\\x1b[31mescape.png" in shown
    rows = objects_of("odd", "-n")
    assert sum("path_base64" in row for row in rows) == 1


def test_a_terminal_gets_a_table_and_the_counts(indexed: Path) -> None:
    words = ("classify", *LABELS, "pictures", "-n", "--color", "never")
    header, *rows = run_on_terminal(*words, streams=("stdout",)).text.splitlines()
    assert header == "label          probability  path"
    assert len(rows) == 3
    numbers = Counter(row[:13].strip() for row in rows)
    parts = [f"{number} {label}" for label, number in numbers.items()]
    told = run_on_terminal(*words, streams=("stderr",)).text  # perhaps behind a bar
    (counts,) = re.findall(r"clipfind: pictures: (.*)", told)
    assert set(counts.split(", ")) == set(parts)


def test_the_labels_of_a_file_may_have_several_wordings(indexed: Path, tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("# mine\ncat: cat, kitten\ndog\n\n")
    words = ("--labels-file", tmp_path / "labels.txt", "pictures", "-n", "--json")
    rows = [as_described(line, "classify") for line in run("classify", *words).stdout.splitlines()]
    assert {row["label"] for row in rows} <= {"cat", "dog"}
    assert len(rows) == 3


def test_templates_change_the_probabilities(indexed: Path) -> None:
    plain = lines_of("pictures/one.png", "-n")
    assert lines_of("pictures/one.png", "-n", "--templates", "a photo of a {}.") == plain
    for name in ("none", "simple", "imagenet80"):
        assert lines_of("pictures/one.png", "-n", "--templates", name) != plain
    assert run("classify", *LABELS, "pictures", "-n", "--templates", "nothing").returncode == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), b"needs --labels"),
        (("--labels", "cat"), b"add --multi"),
        (("--labels", "cat,cat"), b"is repeated"),
        (("--labels", "cat,none of these"), b"can be named"),
        (("--labels-file", "nowhere.txt"), b"nowhere.txt"),
    ],
)
def test_labels_that_make_no_sense_exit_with_two(
    words: tuple[str, ...], said: bytes, indexed: Path
) -> None:
    finished = run("classify", *words, "pictures", "-n")
    assert (finished.returncode, finished.stdout) == (2, b"")
    assert said in finished.stderr


def test_it_indexes_first_and_shows_no_bar_in_a_pipe(tiny: Path, tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "new")
    finished = run("classify", *LABELS, folder)
    assert (len(finished.stdout.splitlines()), finished.stderr) == (3, b"")
    (folder / "one.png").unlink()
    finished = run("classify", *LABELS, folder, "-n")
    assert len(finished.stdout.splitlines()) == 2
    assert b"1 picture left out: gone, changed" in finished.stderr


def test_fresh_neither_reads_nor_writes_an_index(tiny: Path, tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "new")
    (folder / "broken.jpg").write_bytes(b"no picture")
    finished = run("classify", *LABELS, folder, "--fresh")
    assert len(finished.stdout.splitlines()) == 3
    assert b"broken.jpg: " in finished.stderr
    assert not tiny.exists()


def test_all_needs_no_path_and_a_list_names_some(indexed: Path, tmp_path: Path) -> None:
    everything = run("classify", *LABELS, "--all", "-f0").stdout.split(b"\0")[:-1]
    assert len(everything) == 3 + len(ODD_NAMES) + 2 + 2
    (tmp_path / "list").write_text("pictures/one.png\npictures/deep\n")
    assert len(lines_of("-n", "--files-from", str(tmp_path / "list"))) == 2
    assert len(lines_of("pictures", "-n", "--glob", "*.jpg")) == 1
    assert len(lines_of("pictures", "-n", "--exclude", "*.jpg")) == 2


def test_nothing_indexed_and_an_empty_folder_exit_with_one(tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    finished = run("classify", *LABELS, tmp_path / "empty")
    assert finished.returncode == 1
    assert finished.stderr == b"clipfind: no pictures were found here\n"
    write_pictures(tmp_path / "new")
    finished = run("classify", *LABELS, tmp_path / "new", "-n", "--db", tmp_path / "none.db")
    assert (finished.returncode, b"clipfind index" in finished.stderr) == (1, True)


def test_a_reader_that_leaves_early_is_no_error(tiny: Path, tmp_path: Path) -> None:
    names = tuple(b"%04d.png" % number for number in range(200))
    write_pictures(tmp_path / "many", names)
    assert run("index", tmp_path / "many").returncode == 0
    template = "{label}" + "x" * 2000 + "{path}"
    words = ("classify", *LABELS, tmp_path / "many", "-n", "--format", template)
    with start(*words, stdout=-1, stderr=-1) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(100)
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode in (0, 141)


@pytest.mark.parametrize(("first", "second"), WITHOUT_EFFECT)
def test_options_without_effect_are_refused(first: str, second: str) -> None:
    names = {each.long_name for each in COMMANDS["classify"].accepted}
    assert {first, second} <= names
    with pytest.raises(UsageError, match=r"no effect|covers everything"):
        refuse_without_effect({first: True, second: True}, WITHOUT_EFFECT)


def test_compared_labels_tell_what_the_added_ones_take(indexed: Path) -> None:
    words = ("pictures", "odd", "-n")
    finished = run("classify", *LABELS, *words, "--compare-labels", "horse,tree", "--json")
    rows = [as_described(line, "classify") for line in finished.stdout.splitlines()]
    before = {row["path"]: row for row in objects_of(*words)}
    everything = run("classify", "--labels", 'cat,dog,"red car",horse,tree', *words, "--json")
    after = {row["path"]: row for row in map(described_line, everything.stdout.splitlines())}
    taken = {path for path, row in after.items() if row["label"] in ("horse", "tree")}
    assert taken
    assert {row["path"] for row in rows} == taken
    for row in rows:
        path = row["path"]
        assert (row["before"], row["after"]) == (before[path]["label"], after[path]["label"])
        assert row["probability_before"] == pytest.approx(before[path]["probability"], abs=2e-6)
        assert row["probability_after"] == pytest.approx(after[path]["probability"], abs=2e-6)
    assert b" of 8 pictures: " in finished.stderr
    lines = run("classify", *LABELS, *words, "--compare-labels", "horse,tree").stdout.splitlines()
    assert len(lines) == len(rows) + 1  # a name has a new line in it
    assert run("classify", *LABELS, *words, "--compare-labels", "Cat").returncode == 2


@pytest.mark.skipif(not has_research(), reason="needs scikit-learn, SciPy and matplotlib")
def test_true_labels_make_a_report_as_text_json_and_folder(tiny: Path, tmp_path: Path) -> None:
    for number, label in enumerate(("cat", "dog")):
        write_pictures(tmp_path / "labelled" / label, seed=number)
    words = ("classify", tmp_path / "labelled", "--truth", "folders")
    text = run(*words).stdout.decode()
    assert "6 pictures get the likeliest of 2 labels" in text
    report = as_described(run(*words, "-n", "--json").stdout)
    assert report["made"]["pictures"] == 6
    assert [section["key"] for section in report["sections"]] == ["labels", "calibration"]
    written = run(*words, "-n", "--report", tmp_path / "report")
    assert written.stdout == b""
    names = {path.name for path in (tmp_path / "report").iterdir()}
    assert {"report.json", "report.md"} <= names
    assert any(name.endswith(".png") for name in names)
    again = run(*words, "-n", "--labels", "cat,horse", "--json")
    assert json.loads(again.stdout)["made"]["pictures"] == 3
    assert run(*words, "-n", "--labels", "horse,tree").returncode == 2
