"""`clipfind name` and `names`, and names in queries."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from described import as_described
from processes import run, write_pictures

from rclip_like.evaluate.probe_file import Probe, write_probe
from rclip_like.library import Library


@pytest.fixture
def album(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of three indexed pictures; its index and the tiny model are the default."""
    monkeypatch.chdir(tmp_path)
    folder = write_pictures(tmp_path / "album")
    assert run("index", folder).returncode == 0
    return folder


def named(*words: str | Path) -> str:
    """Give a name, which must succeed, and return what stderr says."""
    done = run("name", *words)
    assert (done.returncode, done.stdout) == (0, b""), done.stderr.decode()
    return done.stderr.decode()


def lines(*words: str | Path) -> list[str]:
    """Return the lines that a search of all that is indexed prints."""
    done = run("search", *words, "--all", "-t", "0", "-q")
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().splitlines()


def refused(*words: str | Path) -> str:
    """Return the sentence with which a command ends."""
    done = run(*words)
    assert (done.returncode, done.stdout) == (2, b"")
    return done.stderr.decode().removeprefix("clipfind: ").removesuffix("\n")


def test_a_name_of_one_picture_finds_it_first_and_is_a_term_like_any_other(album: Path) -> None:
    said = named("rex", album / "one.png")
    assert said == "clipfind: @rex stands for 1 picture; search for it with: clipfind @rex\n"
    best, *_ = lines("@rex", "--json")
    row = as_described(best, "search")
    assert Path(row["path"]).name == "one.png"
    assert row["score"] == pytest.approx(1, abs=2e-3)
    both = lines("@rex on the beach", "--json")
    assert both == lines("@rex", "--add", "on the beach", "--json")
    explained = json.loads(lines("@rex on the beach", "-s", "2:@rex", "--explain", "--json")[0])
    assert [term["term"] for term in explained["terms"]] == ["@rex", "on the beach", "-2:@rex"]


def test_a_name_is_the_mean_of_its_pictures_indexed_or_not(album: Path, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    new = tmp_path / "new" / "four.png"
    write_pictures(tmp_path / "more", (b"four.png",), seed=9)
    (tmp_path / "more" / "four.png").rename(new)
    named("rex", album / "one.png", new)
    with Library() as library:
        rows = library.embed_pictures([album / "one.png", new])
        (found,) = library.names()
    mean = rows.mean(axis=0)
    np.testing.assert_allclose(found.rows[0].embedding, mean / np.linalg.norm(mean), atol=2e-3)
    shown = run("names", "show", "@rex")
    assert shown.stdout.decode() == f"{album}/one.png\n"
    assert b"1 more picture, of which no file is indexed now" in shown.stderr


def test_an_unknown_name_is_an_error_with_those_that_there_are(album: Path) -> None:
    assert "this index has no names yet; if it is meant as words, add --text" in refused(
        "@rex", album
    )
    named("rex", album / "one.png")
    named("max", album / "two.png")
    assert "there is no name @roy; there are @max, @rex; if" in refused("search", "@roy at sea")
    assert run("search", "@roy", "--text", "--all").returncode == 0
    alike = "there is no name @Rex, but @rex; names are case-sensitive"
    assert refused("names", "show", "Rex") == alike
    assert f"{alike}; if" in refused("@Rex", album)
    for command in ("show", "remove", "export"):
        assert refused("names", command, "roy") == "there is no name @roy; there are @max, @rex"
    assert "there is no name @roy" in refused("save", "bad", "@roy", album)
    assert run("saved", "list").stdout == b""


def test_a_command_that_is_proposed_has_the_index_that_was_typed(album: Path) -> None:
    assert run("index", album, "--db", "my index.db").returncode == 0
    said = named("rex", album / "one.png", "--db", "my index.db")
    assert said.endswith("search for it with: clipfind @rex --db 'my index.db'\n")
    saved = run("save", "pg", "cat", album, "--db", "my index.db")
    assert b"saved; run it with: clipfind run pg --db 'my index.db'\n" in saved.stderr


def test_a_taken_name_is_replaced_or_added_to_only_where_that_is_asked_for(album: Path) -> None:
    named("rex", album / "one.png")
    assert "@rex exists already; --replace makes it anew, --add adds to it" in refused(
        "name", "rex", album / "two.png"
    )
    assert "stands for 2 pictures, 1 of them new" in named(
        "rex", album / "one.png", album / "two.png", "--add"
    )
    named("rex", album / "two.png", "--replace")
    assert run("names", "show", "rex").stdout.decode() == f"{album}/two.png\n"
    assert run("names", "remove", "rex").returncode == 0
    assert run("names", "list").stdout == b""


@pytest.mark.parametrize("word", ["two words", "5", "a.b", "-", "", "@", "x" * 65])
def test_only_a_word_can_be_a_name(album: Path, word: str) -> None:
    assert "cannot be a name" in refused("name", "--", word, album / "one.png")


def test_a_picture_that_cannot_be_read_is_named_and_the_others_are_taken(album: Path) -> None:
    broken = album / "broken.png"
    broken.write_bytes(b"no picture")
    done = run("name", "rex", album / "one.png", broken, album)
    assert done.returncode == 2
    assert f"{broken}: ".encode() in done.stderr
    assert f"{album}: this is a folder; name the pictures in it".encode() in done.stderr
    assert b"@rex stands for 1 picture" in done.stderr
    assert "no picture to name" in refused("name", "max", broken)
    assert refused("name", "max", album) == (
        f"no picture to name: {album}: this is a folder; name the pictures in it, or read their "
        "paths with --files-from"
    )


def test_a_saved_search_and_one_for_a_page_keep_their_name(album: Path) -> None:
    named("rex", album / "one.png")
    assert run("save", "dog", "@rex on the beach", "-s", "@rex", "--all").returncode == 0
    assert b"'@rex on the beach'" in run("saved", "show", "dog").stdout
    assert run("run", "dog").returncode == 0
    run("names", "remove", "rex")
    assert "there is no name @rex" in refused("run", "dog")


def test_names_go_to_another_index_without_paths(album: Path, tmp_path: Path) -> None:
    named("rex", album / "one.png")
    named("max", album / "two.png", album / "one.png")
    exported = run("names", "export")
    assert str(album).encode() not in exported.stdout
    (tmp_path / "names.json").write_bytes(exported.stdout)
    other = ("--db", tmp_path / "other.db")
    assert run("names", "import", "names.json", *other).returncode == 0
    assert run("names", "export", *other).stdout == exported.stdout
    assert "@max, @rex exist already; --replace replaces what is there" in refused(
        "names", "import", "names.json"
    )
    assert run("names", "import", "names.json", "--replace").returncode == 0
    rows = [as_described(line, "names_list") for line in _listed(*other)]
    assert [(row["name"], row["pictures"]) for row in rows] == [("max", 2), ("rex", 1)]


def _listed(*other: str | Path) -> list[bytes]:
    return run("names", "list", "--json", *other).stdout.splitlines()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"clipfind_names": 2}, "reads version 1 alone"),
        ({"names": {}}, "its names must be a list"),
        ({"names": [{"name": "a b"}]}, "a name in it is not a word"),
        ({"name": None}, "a name in it is not a word"),
        ({"pictures": []}, "rex stands for no picture"),
        ({"pictures": ["ff"]}, "a picture of rex has no proper digest"),
        ({"pictures": [["x"]]}, "a picture of rex has no proper digest"),
        ({"rows": []}, "rex has no row"),
        ({"fingerprint": "x"}, "a model of rex has no proper name or fingerprint"),
        ({"embedding": [3, 4]}, "the numbers of rex are not between -2 and 2"),
        ({"embedding": [0.5, 0.5]}, "do not have length one"),
        ({"embedding": [True, 0]}, "the numbers of rex are not between -2 and 2"),
        ({"embedding": [10**400]}, "the numbers of rex are not between -2 and 2"),
    ],
)
def test_a_file_of_names_is_checked_before_any_of_it_is_kept(
    album: Path, tmp_path: Path, change: dict[str, object], reason: str
) -> None:
    row = {"model": "m", "fingerprint": "0" * 64, "method": "mean", "embedding": [0.6, 0.8]}
    rex: dict[str, object] = {"name": "rex", "pictures": ["f" * 64], "rows": [row]}
    whole: dict[str, object] = {"clipfind_names": 1, "names": [rex]}
    for part in (whole, rex, row):
        part.update({key: value for key, value in change.items() if key in part})
    (tmp_path / "names.json").write_text(json.dumps(whole))
    assert reason in refused("names", "import", "names.json")
    assert _listed() == []


def test_a_folder_in_place_of_a_file_of_names_is_said_to_be_one(album: Path) -> None:
    assert refused("names", "import", album) == f"{album}: is not a file"


def test_for_another_model_a_name_is_made_of_its_indexed_pictures(
    album: Path, tmp_path: Path
) -> None:
    named("rex", album / "one.png", album / "two.png")
    database = Library().database
    with sqlite3.connect(database) as connection:  # as if named with a model that is gone
        connection.execute("UPDATE name_rows SET fingerprint = 'another'")
        digest = bytes(32)
        connection.execute("UPDATE names SET digests = CAST(digests || ? AS BLOB)", (digest,))
    done = run("search", "@rex", "--all", "--json")
    assert b"named with another model; 2 of its 3 pictures are indexed for" in done.stderr
    with Library() as library:
        rows = library.embed_pictures([album / "one.png", album / "two.png"])
    mean = rows.mean(axis=0)
    best = json.loads(done.stdout.splitlines()[0])["score"]
    assert best == pytest.approx(float((rows @ mean / np.linalg.norm(mean)).max()), abs=3e-3)
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE names SET digests = ?", (digest,))
    assert "none of its pictures is indexed for" in refused("search", "@rex", "--all")


def test_status_counts_names_unless_paths_are_typed(album: Path) -> None:
    assert b"of your own" not in run("status").stdout
    named("rex", album / "one.png")
    assert b"1 name of your own; 'clipfind names list' shows them" in run("status").stdout
    assert as_described(run("status", "--json").stdout, "status")["names"] == 1
    assert as_described(run("status", "--json", album).stdout, "status")["names"] is None


def test_a_label_of_a_probe_can_be_named(album: Path, tmp_path: Path) -> None:
    with Library() as library:
        model = library.specification
    weights = np.eye(3, model.dimension, dtype=np.float32)
    write_probe(tmp_path / "birds.safetensors", _probe(weights, model.fingerprint))
    named("robin", "--probe", "birds.safetensors")
    named("thrush", "--probe", "birds.safetensors", "--label", "owl")
    with Library() as library:
        rows = {each.name: each.rows[0].embedding for each in library.names()}
    expected = np.array([1, -0.5, -0.5]) / 1.5**0.5
    np.testing.assert_allclose(rows["robin"][:3], expected, atol=1e-6)
    np.testing.assert_allclose(rows["thrush"][:3], expected[[1, 0, 2]], atol=1e-6)
    assert len(lines("@robin", "-f")) == 3
    assert run("export", tmp_path / "parts").returncode == 0
    assert run("import", tmp_path / "parts", "--db", "new.db").returncode == 0
    with Library(database="new.db") as library:
        assert rows.keys() == {each.name for each in library.names()}
    found = lines("@robin", "--json")
    assert lines("@robin", "--json", "--db", "new.db") == found
    probe = ("--probe", "birds.safetensors")
    assert "no label 'wren'; it has robin, owl, gull" in refused("name", "wren", *probe)
    assert "@robin exists already" in refused("name", "robin", *probe)
    assert "no picture can be added" in refused("name", "robin", album / "one.png", "--add")
    assert "no effect" in refused("name", "x", album / "one.png", *probe)
    write_probe(tmp_path / "birds.safetensors", _probe(weights, "0" * 64))
    assert "fitted with the model tiny" in refused("name", "owl", *probe)


def _probe(weights: np.ndarray, fingerprint: str) -> Probe:
    return Probe(
        weights=weights,
        intercept=np.zeros(3, np.float32),
        labels=("robin", "owl", "gull"),
        model="tiny",
        fingerprint=fingerprint,
        features="index",
        c=1.0,
        penalty=1.0,
        num_pictures=3,
        num_tested=0,
        accuracy=None,
        made_at="2026-11-30",
        clipfind="0.1.0",
    )
