"""`clipfind export`: what it writes, what it refuses and what it says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from processes import run, write_pictures

from rclip_like.store import Store


@pytest.fixture
def album(tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of three pictures that the default index has."""
    monkeypatch.setenv("CLIPFIND_MODEL", str(tiny_model))
    monkeypatch.setenv("CLIPFIND_DB", str(tmp_path / "index.db"))
    album = write_pictures(tmp_path / "album")
    assert run("index", album).returncode == 0
    return album


def test_a_copy_of_the_index_finds_what_the_index_finds(album: Path, tmp_path: Path) -> None:
    (tmp_path / "index.db").chmod(0o640)
    finished = run("export", "--db", tmp_path / "copy.db")
    assert (finished.returncode, finished.stdout) == (0, b"")
    assert b"copied the index, 0." in finished.stderr
    assert os.stat(tmp_path / "copy.db").st_mode & 0o777 == 0o640
    found = run("search", "x", album, "-n", "-f")
    assert len(found.stdout.splitlines()) == 3
    copied = run("search", "x", album, "-n", "-f", "--db", tmp_path / "copy.db")
    assert copied.stdout == found.stdout
    assert not [each for each in tmp_path.iterdir() if ".copy" in each.name]


def test_a_copy_overwrites_nothing_without_being_told(album: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    copy.write_bytes(b"mine")
    finished = run("export", "--db", copy)
    assert finished.returncode == 2
    assert b"copy.db exists already; --replace writes over it" in finished.stderr
    finished = run("export", "--db", copy, "--replace")
    assert finished.returncode == 2, "what is no index stays, whatever is typed"
    assert copy.read_bytes() == b"mine"


def test_an_older_copy_is_replaced_when_told(album: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    assert run("export", "--db", copy).returncode == 0
    write_pictures(album, (b"four.png",), seed=4)
    assert run("index", album).returncode == 0
    assert run("export", "--db", copy, "--replace").returncode == 0
    with Store.open_readonly(copy) as store:
        assert store.count_files() == 4


def test_the_index_is_not_copied_onto_itself_or_into_a_missing_folder(
    album: Path, tmp_path: Path
) -> None:
    finished = run("export", "--db", tmp_path / "index.db", "--replace")
    assert finished.returncode == 2
    assert b"this is the index itself" in finished.stderr
    finished = run("export", "--db", tmp_path / "gone" / "copy.db")
    assert finished.returncode == 2
    assert b"no such folder" in finished.stderr


def test_an_index_named_by_the_environment_alone_is_not_taken_for_the_copy(album: Path) -> None:
    finished = run("export")
    assert finished.returncode == 2
    assert b"--db FILE" in finished.stderr


def test_shards_are_imported_into_a_new_index_which_then_finds_the_same(
    album: Path, tmp_path: Path
) -> None:
    finished = run("export", tmp_path / "parts")
    assert (finished.returncode, finished.stdout) == (0, b"")
    assert b"exported 3 files and 3 embeddings to" in finished.stderr
    found = run("search", "x", album, "-n", "-f")
    new = ("--db", tmp_path / "new.db")
    finished = run("import", tmp_path / "parts", *new)
    assert (finished.returncode, finished.stdout) == (0, b"")
    assert b"imported 3 files and 3 embeddings" in finished.stderr
    assert run("search", "x", album, "-n", "-f", *new).stdout == found.stdout
    finished = run("index", album, *new, "-v")
    assert finished.returncode == 0
    assert b"0 encoded" in finished.stderr or b"encoded" not in finished.stderr


def test_imported_rows_outlive_prune_until_their_folder_was_walked(
    album: Path, tmp_path: Path
) -> None:
    assert run("export", tmp_path / "parts").returncode == 0
    new = ("--db", tmp_path / "new.db")
    assert run("import", tmp_path / "parts", *new).returncode == 0
    (album / "one.png").unlink()

    def num_files() -> int:
        with Store.open_readonly(tmp_path / "new.db") as store:
            return store.count_files()

    assert run("prune", *new).returncode == 0
    assert num_files() == 3
    assert run("index", album, *new).returncode == 0
    assert run("prune", *new).returncode == 0
    assert num_files() == 2


def test_an_empty_folder_in_place_of_the_imported_one_proves_nothing(
    album: Path, tmp_path: Path
) -> None:
    assert run("export", tmp_path / "parts").returncode == 0
    new = ("--db", tmp_path / "new.db")
    assert run("import", tmp_path / "parts", *new).returncode == 0
    album.rename(tmp_path / "elsewhere")
    album.mkdir()
    run("index", album, *new)
    assert run("prune", *new).returncode == 0
    with Store.open_readonly(tmp_path / "new.db") as store:
        assert store.count_files() == 3


def test_only_what_lies_under_the_paths_is_exported(album: Path, tmp_path: Path) -> None:
    finished = run("export", tmp_path / "parts", album / "deep")
    assert b"exported 1 file and 1 embedding" in finished.stderr


def test_a_path_below_which_nothing_is_indexed_is_named_and_nothing_is_exported(
    album: Path, tmp_path: Path
) -> None:
    finished = run("export", tmp_path / "parts", album / "deep", album / "Nope")
    assert (finished.returncode, finished.stdout) == (2, b"")
    assert b"Nope: nothing is indexed there" in finished.stderr
    assert not (tmp_path / "parts").exists()


def test_a_folder_that_is_there_is_replaced_only_when_it_is_an_export(
    album: Path, tmp_path: Path
) -> None:
    assert run("export", tmp_path / "parts").returncode == 0
    finished = run("export", tmp_path / "parts")
    assert finished.returncode == 2
    assert b"parts exists already; --replace writes over it" in finished.stderr
    assert run("export", tmp_path / "parts", "--replace").returncode == 0
    for replacing in ((), ("--replace",)):
        finished = run("export", album, *replacing)
        assert finished.returncode == 2
        assert b"other files are in this folder; name a new one" in finished.stderr
    assert len(list(album.iterdir())) == 3


def test_another_model_is_refused_in_a_sentence(album: Path, tmp_path: Path) -> None:
    assert run("export", tmp_path / "parts").returncode == 0
    new = ("--db", tmp_path / "new.db", "--model", "builtin")
    finished = run("import", tmp_path / "parts", *new)
    assert finished.returncode == 2
    assert b"which this index does not use; name the model to use with --model" in finished.stderr


def test_an_import_of_no_export_makes_no_index(album: Path, tmp_path: Path) -> None:
    for folder, said in ((album, b"no exported index"), (tmp_path / "gone", b"no such folder")):
        finished = run("import", folder, "--db", tmp_path / "new.db")
        assert finished.returncode == 2
        assert said in finished.stderr
        assert not (tmp_path / "new.db").exists()


def test_nothing_is_written_through_a_link_or_over_what_lies_in_place_of_the_draft(
    album: Path, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(album)
    assert (
        b"this is a link; name the folder that it leads to"
        in run("export", tmp_path / "link").stderr
    )
    (tmp_path / ".parts.part").symlink_to(album)
    finished = run("export", tmp_path / "parts")
    assert finished.returncode == 2
    assert b".parts.part: this is in the way; remove it" in finished.stderr
    assert len(list(album.iterdir())) == 3


def test_without_pyarrow_a_sentence_says_how_to_get_it(
    album: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(
        "import importlib.util as u\nf = u.find_spec\n"
        "u.find_spec = lambda name, *rest: None if name == 'pyarrow' else f(name, *rest)\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(hidden))
    for command in ("export", "import"):
        finished = run(command, tmp_path / "parts")
        assert finished.returncode == 2
        assert b"need the package pyarrow; install it: python -m pip install" in finished.stderr
