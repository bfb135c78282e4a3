"""`clipfind models`: which encoders there are, and which one an index uses."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest
from processes import write_pictures

from rclip_like.cli import main
from rclip_like.library import Library
from rclip_like.models.names import RECOMMENDED, SMALL, downloaded_folder

Captured = pytest.CaptureFixture[str]


def test_the_list_names_the_recommended_models_with_their_sizes(capsys: Captured) -> None:
    assert main(["models", "list"]) == 0
    shown = capsys.readouterr().out
    assert RECOMMENDED in shown
    assert "605 MB" in shown


def test_the_list_is_one_json_object_a_line(capsys: Captured) -> None:
    assert main(["models", "list", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert RECOMMENDED in [row["name"] for row in rows]
    assert all({"name", "state", "size_bytes"} <= set(row) for row in rows)


def test_the_list_marks_the_model_in_use(tiny_model: Path, capsys: Captured) -> None:
    assert main(["models", "list", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["name"] for row in rows if row["in_use"]] == ["builtin"]
    assert main(["models", "list", "--model", str(tiny_model)]) == 0
    assert f"this index uses {tiny_model}, which is not listed here" in capsys.readouterr().err


def test_the_list_shows_model_folders_that_were_used_and_what_became_of_them(
    tiny_model: Path, tmp_path: Path, capsys: Captured
) -> None:
    model, pictures = tmp_path / "our-model", tmp_path / "pictures"
    shutil.copytree(tiny_model, model)
    write_pictures(pictures, (b"a.png", b"b.png"))
    database = str(tmp_path / "index.db")
    assert main(["index", str(pictures), "--model", str(model), "--db", database]) == 0

    def state() -> dict[str, str]:
        capsys.readouterr()
        assert main(["models", "list", "--json", "--db", database]) == 0
        rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        return {row["name"]: row["state"] for row in rows if row["name"].startswith("/")}

    assert state() == {str(model): "folder"}
    configuration = model / "open_clip_config.json"
    configuration.write_text(configuration.read_text().replace("bicubic", "bilinear"))
    assert state() == {str(model): "folder, changed"}
    shutil.rmtree(model)
    assert state() == {str(model): "gone"}


@pytest.fixture
def without_open_clip(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hide open_clip, as an installation without torch lacks it."""
    monkeypatch.setitem(sys.modules, "open_clip", None)


@pytest.mark.usefixtures("without_open_clip")
def test_a_name_is_not_called_known_where_it_cannot_be_looked_up(capsys: Captured) -> None:
    assert main(["models", "show", "foo"]) == 2
    said = capsys.readouterr().err
    assert "foo: looking up a name other than builtin and downloaded ones needs torch" in said


@pytest.mark.usefixtures("without_open_clip")
def test_without_open_clip_show_says_of_a_recommended_model_what_the_list_knows(
    capsys: Captured,
) -> None:
    assert main(["models", "show", SMALL]) == 0
    shown = capsys.readouterr().out
    assert "can be downloaded" in shown
    assert "349 MB" in shown


def test_show_describes_a_model_folder(tiny_model: Path, capsys: Captured) -> None:
    assert main(["models", "show", str(tiny_model), "--json"]) == 0
    described = json.loads(capsys.readouterr().out)
    assert (described["dimension"], described["picture_size"]) == (32, 32)


def test_show_sends_no_control_characters(
    tiny_model: Path, tmp_path: Path, capsys: Captured
) -> None:
    folder = shutil.copytree(tiny_model, tmp_path / "\x1b[31mred")
    assert main(["models", "show", str(folder)]) == 0
    shown = capsys.readouterr().out
    assert "\\x1b[31mred" in shown
    assert "\x1b" not in shown


def test_show_without_a_name_describes_the_model_in_use(tiny: Path, capsys: Captured) -> None:
    assert main(["models", "show"]) == 0
    assert "dimension     32" in capsys.readouterr().out


def test_use_makes_a_folder_the_default_wherever_one_stands(
    tmp_path: Path, tiny_model: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.chdir(tiny_model.parent)
    database = tmp_path / "index.db"
    assert main(["models", "use", f"./{tiny_model.name}", "--db", str(database)]) == 0
    assert "'clipfind index --all' encodes" in capsys.readouterr().err
    monkeypatch.chdir(tmp_path)
    with Library(database) as library:
        assert library.specification.folder == tiny_model


def test_an_unknown_folder_is_an_error_and_changes_no_default(
    tmp_path: Path, capsys: Captured
) -> None:
    assert main(["models", "use", str(tmp_path), "--db", str(tmp_path / "index.db")]) == 2
    assert "open_clip_config.json" in capsys.readouterr().err
    assert not (tmp_path / "index.db").exists()


def test_a_typed_model_that_is_not_there_is_replaced_by_typing_another(
    tmp_path: Path, capsys: Captured
) -> None:
    arguments = ["cat", str(tmp_path), "--model", str(tmp_path / "nowhere")]
    assert main([*arguments, "--db", str(tmp_path / "index.db")]) == 2
    assert capsys.readouterr().err.endswith("so no such model; name another with --model\n")


def test_a_download_without_network_is_refused_at_once(capsys: Captured) -> None:
    assert main(["models", "download", RECOMMENDED, "--offline"]) == 2
    assert "offline" in capsys.readouterr().err


def test_remove_deletes_a_downloaded_model(capsys: Captured) -> None:
    folder = downloaded_folder(RECOMMENDED)
    folder.mkdir(parents=True)
    (folder / "open_clip_model.safetensors").write_bytes(bytes(2000))
    assert main(["models", "remove", RECOMMENDED]) == 0
    assert not folder.exists()
    assert "2 kB are free again" in capsys.readouterr().err
    assert main(["models", "remove", RECOMMENDED]) == 2


@pytest.mark.usefixtures("hub")
def test_use_fetches_a_model_that_is_then_listed_and_searched_with(
    tmp_path: Path, capsys: Captured
) -> None:
    database = str(tmp_path / "index.db")
    assert main(["models", "use", "hf-hub:museum/tiny", "--db", database]) == 0
    assert main(["models", "list", "--db", database]) == 0
    (used,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("yes")]
    assert "hf-hub:museum/tiny" in used
    with Library(Path(database)) as library:
        assert library.specification.name == "hf-hub:museum/tiny"


@pytest.mark.usefixtures("hub")
def test_remove_names_the_folder_that_keeps_the_files(capsys: Captured, own_folders: Path) -> None:
    assert main(["models", "download", "hf-hub:museum/tiny"]) == 0
    assert main(["models", "remove", "hf-hub:museum/tiny"]) == 0
    said = capsys.readouterr().err
    assert "Hugging Face's cache keeps 6.65 MB of it for other programs" in said
    assert f"delete {own_folders / 'huggingface' / 'hub' / 'models--museum--tiny'}" in said


@pytest.mark.usefixtures("hub")
def test_a_damaged_file_in_the_cache_is_told(capsys: Captured, own_folders: Path) -> None:
    assert main(["models", "download", "hf-hub:museum/tiny"]) == 0
    assert main(["models", "remove", "hf-hub:museum/tiny"]) == 0
    cache = own_folders / "huggingface" / "hub" / "models--museum--tiny"
    [weights] = cache.glob("snapshots/*/*.safetensors")
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    capsys.readouterr()
    assert main(["models", "download", "hf-hub:museum/tiny"]) == 0
    said = capsys.readouterr()
    assert f"clipfind: {weights} is damaged; it is thrown away and fetched again" in said.err
    assert said.out == f"{downloaded_folder('hf-hub:museum/tiny')}\n"
