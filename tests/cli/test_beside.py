"""`--db beside`: an index that lies in a folder of its own beside the pictures."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from processes import run, write_pictures


@pytest.fixture
def album(tiny: Path, tmp_path: Path) -> Path:
    """Return a folder of three pictures with an index beside them; the tiny model is configured."""
    folder = write_pictures(tmp_path / "album")
    finished = run("index", "--db", "beside", folder)
    assert finished.returncode == 0, finished.stderr
    assert (folder / ".clipfind/index.db").is_file()
    return folder


def found(*arguments: str | Path, **options: object) -> list[str]:
    finished = run("search", "cat", *arguments, "--no-index", "-f", "-t", "0", **options)
    assert finished.returncode == 0, finished.stderr
    return sorted(finished.stdout.decode().splitlines())


def test_it_is_found_from_the_folder_a_folder_in_it_and_the_environment(
    album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(found("--db", "beside", album)) == 3
    assert len(found("--db", "beside", album / "deep")) == 1
    monkeypatch.setenv("CLIPFIND_DB", "beside")
    monkeypatch.chdir(album / "deep")
    assert found() == ["three.jpg"]
    assert b"3 files" in run("status").stdout
    assert not (album / "deep/.clipfind").exists()


def test_the_index_beside_pictures_that_are_named_is_found_and_none_is_made(album: Path) -> None:
    assert run("name", "rex", album / "one.png", "--db", "beside").returncode == 0
    listed = run("names", "list", "--db", album / ".clipfind/index.db")
    assert b"@rex" in listed.stdout
    hidden = run("hide", album / "deep/three.jpg", "--db", "beside")
    assert hidden.returncode == 0, hidden.stderr
    assert not Path(".clipfind").exists()


@pytest.mark.parametrize(
    "command",
    ["saved list", "saved show dogs", "saved remove dogs", "run dogs", "names list"]
    + ["names show rex", "names export"],
)
def test_outside_the_folder_it_is_said_that_there_is_no_index(album: Path, command: str) -> None:
    finished = run(*command.split(), "--db", "beside", cwd=album.parent)
    assert (finished.returncode, finished.stdout) == (2, b"")
    assert b".clipfind/index.db: there is no index here; change to" in finished.stderr
    assert not (album.parent / ".clipfind").exists()


def test_the_configuration_file_can_say_so(album: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = album.parent / "config.toml"
    config.write_text('db = "beside"\n')
    monkeypatch.setenv("CLIPFIND_CONFIG", str(config))
    monkeypatch.delenv("CLIPFIND_DB", raising=False)
    monkeypatch.chdir(album)
    assert len(found()) == 3


def test_a_file_of_that_name_is_named_with_its_folder(
    album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(album.parent)
    assert run("index", "--db", "./other/beside", album).returncode == 0
    assert (album.parent / "other/beside").is_file()


def test_a_moved_folder_is_found_where_it_is_and_nothing_is_encoded(album: Path) -> None:
    before = found("--db", "beside", album)
    moved = album.rename(album.with_name("elsewhere"))
    after = found("--db", "beside", moved)
    assert after == [line.replace(str(album), str(moved)) for line in before]
    indexed = run("index", "--db", "beside", moved)
    assert b"3 unchanged" in indexed.stderr
    assert indexed.returncode == 0


def test_folders_of_two_indexes_are_refused(album: Path) -> None:
    other = write_pictures(album.parent / "other")
    refused = run("search", "cat", "--db", "beside", album, other)
    assert refused.returncode == 2
    assert b"not one but several" in refused.stderr
    assert not (other / ".clipfind").exists()


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="gives files to another user"
)
def test_an_index_that_came_from_somebody_else_is_not_used_unless_named(album: Path) -> None:
    for path in (album / ".clipfind", *(album / ".clipfind").iterdir()):
        os.chown(path, 1234, 1234)
    refused = run("search", "cat", "--db", "beside", album / "deep")
    assert refused.returncode == 2
    assert b"belongs to another user, so the index is not used" in refused.stderr
    assert b"--db" in refused.stderr
    assert len(found("--db", album / ".clipfind/index.db", album)) == 3


def test_models_use_says_that_it_has_no_effect_there(album: Path, tiny: Path) -> None:
    refused = run("models", "use", "builtin", "--db", album / ".clipfind/index.db")
    assert refused.returncode == 2
    assert b"no default model" in refused.stderr
    assert b"CLIPFIND_MODEL" in refused.stderr


@pytest.mark.parametrize("from_environment", [False, True])
def test_an_export_finds_it_above_what_is_exported(
    album: Path, monkeypatch: pytest.MonkeyPatch, *, from_environment: bool
) -> None:
    option = () if from_environment else ("--db", "beside")
    if from_environment:
        monkeypatch.setenv("CLIPFIND_DB", "beside")
    monkeypatch.chdir(album / "deep")
    exported = run("export", album.parent / "parts", ".", *option)
    assert exported.returncode == 0, exported.stderr
    assert b"exported 1 file and" in exported.stderr


def test_names_and_hidden_pictures_go_to_the_index_of_the_picture(
    album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = album.parent / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    for command in (("name", "rex"), ("hide",), ("unhide",)):
        done = run(*command, album / "deep/three.jpg", "--db", "beside")
        assert done.returncode == 0, done.stderr
    names = run("names", "export", "--db", album / ".clipfind/index.db")
    assert b"rex" in names.stdout
    (elsewhere / "names.json").write_bytes(names.stdout)
    (elsewhere / "one.png").write_bytes((album / "one.png").read_bytes())
    for arguments in (
        ("name", "rex", "one.png"),
        ("names", "import", "names.json"),
        ("hide", "one.png"),
        ("save", "cats", "cat"),
    ):
        refused = run(*arguments, "--db", "beside")
        assert refused.returncode != 0
        assert b"make it with `clipfind index --db beside FOLDER`" in refused.stderr
        assert not (elsewhere / ".clipfind").exists()


def test_an_import_needs_an_index_that_is_there(
    album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = album.parent / "parts"
    assert run("export", parts, "--db", album / ".clipfind/index.db").returncode == 0
    elsewhere = album.parent / "elsewhere"
    elsewhere.mkdir()
    for database in ("beside", elsewhere / ".clipfind/index.db"):
        monkeypatch.chdir(elsewhere)
        refused = run("import", parts, "--db", database)
        assert refused.returncode == 2
        assert b"elsewhere/.clipfind/index.db: there is no index yet" in refused.stderr
        assert b"make it with `clipfind index --db beside FOLDER`" in refused.stderr
        assert not [*elsewhere.iterdir(), *parts.glob(".*")]
    monkeypatch.chdir(album / "deep")
    taken = run("import", parts, "--db", "beside")
    assert taken.returncode == 0, taken.stderr
    assert b"imported 3 files" in taken.stderr


def test_the_index_beside_the_pictures_is_not_where_a_copy_goes(
    album: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(album)
    assert run("index", "deep", "--db", "../default.db").returncode == 0
    before = Path(".clipfind/index.db").read_bytes()
    monkeypatch.setenv("CLIPFIND_DB", "../default.db")
    refused = run("export", "--db", "beside", "--replace")
    assert (refused.returncode, Path(".clipfind/index.db").read_bytes()) == (2, before)
    monkeypatch.setenv("CLIPFIND_DB", "beside")
    assert b"CLIPFIND_DB=beside clipfind export --db FILE" in refused.stderr
    assert run("export", "--db", "../copy.db").returncode == 0
    assert len(found("--db", "../copy.db")) == 3
