"""`clipfind status`: what is indexed, for people and for programs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from processes import run, write_pictures, write_taken

from rclip_like.store import Batch, FailureRow, Store
from rclip_like.store.writing import Writer
from rclip_like.values import FileFacts


def test_status_tells_files_models_and_folders(indexed: Path) -> None:
    shown = run("status").stdout.decode()
    assert "12 files, 11 of them distinct" in shown
    assert str(indexed.parent) in shown
    assert "Models\n" in shown


def test_json_holds_the_same_counts(indexed: Path) -> None:
    described = json.loads(run("status", "--json").stdout)
    assert (described["files"], described["contents"]) == (12, 11)
    assert [model["files"] for model in described["models"]] == [12]
    assert [root["path"] for root in described["roots"]] == [str(indexed.parent)]


def test_a_path_narrows_the_counts(indexed: Path) -> None:
    assert json.loads(run("status", "--json", indexed / "deep").stdout)["files"] == 1


def test_folders_in_one_another_count_each_file_once_and_a_path_alone_its_own(
    tiny: Path, tmp_path: Path
) -> None:
    folder = write_pictures(tmp_path / "album")
    for root in (folder, folder / "deep"):
        assert run("index", root).returncode == 0

    def shown(*paths: Path) -> dict[str, int]:
        roots = json.loads(run("status", "--json", *paths).stdout)["roots"]
        return {root["path"]: root["files"] for root in roots}

    assert shown() == {str(folder): 2, str(folder / "deep"): 1}
    assert shown(folder / "deep") == {str(folder / "deep"): 1}
    assert shown(folder / "one.png") == {str(folder): 1}


def test_a_path_that_is_gone_is_shown_and_one_never_indexed_exits_with_one(
    tiny: Path, tmp_path: Path
) -> None:
    folder = write_pictures(tmp_path / "album")
    assert run("index", folder).returncode == 0
    shutil.rmtree(folder)
    gone = run("status", folder)
    assert (gone.returncode, gone.stderr) == (0, b"")
    assert b"3 files" in gone.stdout
    never = run("status", tmp_path / "never")
    assert never.returncode == 1
    assert b"never: nothing is indexed there" in never.stderr
    assert run("status", tmp_path / "never", folder).returncode == 0


def test_without_an_index_one_sentence_says_how_to_make_one(tiny: Path) -> None:
    finished = run("status")
    assert finished.returncode == 2
    assert b"clipfind index" in finished.stderr
    assert not tiny.exists()


def fail(database: Path, paths: list[bytes], reason: str) -> None:
    """Let the index say that these files could not be read."""
    with Store.open(database, create=True) as store:
        model_id = Writer(store).add_model("m", "f" * 64, preprocessing_version="1", dimension=8)
        facts = [FileFacts(path, 1, 1, 1, 1, 1) for path in paths]
        Writer(store).commit(
            model_id, Batch(failures=[FailureRow(each, 2, reason, "") for each in facts])
        )


def test_failures_are_counted_by_reason_and_by_folder_the_largest_first(tiny: Path) -> None:
    fail(tiny, [b"/b/%d.jpg" % number for number in range(3)] + [b"/a/1.jpg"], "is cut short")
    fail(tiny, [b"/b/x.jpg"], "is empty")
    shown = run("status").stdout.decode()
    assert (
        "files  reasons                         folder\n"
        "      4  is cut short (3), is empty (1)  /b\n"
        "      1  is cut short                    /a" in shown
    )
    described = json.loads(run("status", "--json").stdout)
    assert described["unreadable_folders"] == [
        {"path": "/b", "files": 4, "reasons": {"is cut short": 3, "is empty": 1}},
        {"path": "/a", "files": 1, "reasons": {"is cut short": 1}},
    ]


def test_of_many_reasons_in_a_folder_the_three_most_frequent_are_shown(tiny: Path) -> None:
    for reason in "abcde":
        fail(
            tiny, [f"/f/{reason}{n}.jpg".encode() for n in range("abcde".index(reason), 5)], reason
        )
    assert "a (5), b (4), c (3), 2 more reasons  /f" in run("status").stdout.decode()


def test_thousands_of_folders_with_failures_take_a_screen_at_most(tiny: Path) -> None:
    fail(tiny, [b"/%04d/%d.jpg" % (n, k) for n in range(2000) for k in range(2)], "is empty")
    shown = run("status").stdout.decode()
    assert len(shown.splitlines()) < 25
    assert "3,980  -         in 1,990 more folders; --json has all" in shown
    assert len(json.loads(run("status", "--json").stdout)["unreadable_folders"]) == 2000


def test_pictures_that_a_model_has_not_encoded_are_counted(tiny: Path, tmp_path: Path) -> None:
    run("index", write_pictures(tmp_path / "album"))
    with Store.open(tiny, create=False) as store:
        Writer(store).add_model("other", "e" * 64, preprocessing_version="1", dimension=8)
    models = json.loads(run("status", "--json").stdout)["models"]
    assert [(model["files"], model["missing"]) for model in models] == [(3, 0), (0, 3)]
    table = run("status").stdout.decode().split("Models\n")[1].splitlines()
    header, other = table[0], next(line for line in table if "other" in line)
    assert other[: header.index("not encoded") + len("not encoded")].split()[-1] == "3"


def test_what_prune_would_free_is_told(tiny: Path, tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "album")
    run("index", folder)
    assert b"clipfind prune" not in run("status").stdout
    (folder / "one.png").unlink()
    run("index", folder)
    assert b"1 content without a file; 'clipfind prune' drops it" in run("status").stdout
    assert json.loads(run("status", "--json", folder).stdout)["left_contents"] is None


def test_pictures_without_a_date_of_their_own_are_counted(tiny: Path, tmp_path: Path) -> None:
    folder = write_pictures(tmp_path / "album")
    write_taken(folder / "taken.jpg")
    assert run("index", folder).returncode == 0
    described = json.loads(run("status", "--json", folder).stdout)
    assert described["undated"] == described["files"] - 1 > 1
    shown = run("status", folder).stdout.decode()
    assert f"{described['undated']} files without a date, which --on, --after and" in shown
    assert "without a date" not in run("status", folder / "taken.jpg").stdout.decode()
