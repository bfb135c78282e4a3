"""Which models are listed, shown and removed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from rclip_like.errors import ModelError, ModelMissing
from rclip_like.models.hub.registry import LISTED, list_models, remove, show
from rclip_like.models.names import RECOMMENDED, downloaded_folder
from rclip_like.models.specification import resolve


def put_downloaded(tiny_model: Path, name: str) -> Path:
    folder = downloaded_folder(name)
    shutil.copytree(tiny_model, folder)
    (folder / "source.json").write_text(json.dumps({"name": name, "files": []}))
    return folder


def test_downloaded_models_stand_before_those_that_are_not_here(tiny_model: Path) -> None:
    put_downloaded(tiny_model, "hf-hub:museum/tiny")
    listed = [model for model in list_models() if model.name != "builtin"]
    assert [model.name for model in listed] == [
        "hf-hub:museum/tiny",
        *(model.name for model in LISTED),
    ]
    assert listed[0].state == "downloaded"
    assert listed[0].size_bytes == sum(
        path.stat().st_size for path in downloaded_folder("hf-hub:museum/tiny").iterdir()
    )


def test_recommended_model_is_listed_once_with_its_licence_when_downloaded(
    tiny_model: Path,
) -> None:
    put_downloaded(tiny_model, RECOMMENDED)
    (model,) = [model for model in list_models() if model.name == RECOMMENDED]
    assert (model.state, model.licence) == ("downloaded", "MIT")


def test_everything_lists_all_published_weights_once() -> None:
    names = [model.name for model in list_models(everything=True)]
    assert len(names) == len(set(names))
    assert "ViT-L-14/openai" in names


def test_listed_models_exist_in_open_clip() -> None:
    from rclip_like.models.hub.catalogue import published

    assert {model.name for model in LISTED} <= set(published())


def test_model_on_this_machine_is_shown_with_its_fingerprint(tiny_model: Path) -> None:
    shown = show(str(tiny_model))
    assert shown["fingerprint"] == resolve(str(tiny_model)).fingerprint
    assert (shown["dimension"], shown["picture_size"]) == (32, 32)
    json.dumps(shown)


def test_model_to_be_downloaded_is_shown_with_size_and_licence() -> None:
    shown = show(RECOMMENDED)
    assert (shown["state"], shown["licence"]) == ("can be downloaded", "MIT")
    assert shown["repository"] == "laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K"


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nonsense", "there is no model nonsense"),
        ("ViT-B-32/nonsense", "the name ViT-B-32/nonsense is unknown; .*ViT-B-32/openai"),
    ],
)
def test_an_unknown_model_is_not_shown(name: str, reason: str) -> None:
    with pytest.raises(ModelError, match=reason):
        show(name)


def test_a_model_is_shown_by_the_name_that_open_clip_lists() -> None:
    shown = show("ViT-B-32-256/DataComp-s34B-b86k")
    assert (shown["name"], shown["licence"]) == (RECOMMENDED, "MIT")


def test_what_is_for_research_only_is_listed_last_and_not_recommended() -> None:
    *recommended, research = LISTED
    assert research.licence.startswith("Apple's research licence")
    assert "not recommended" in research.good_for
    assert {model.licence for model in recommended} == {"MIT", "Apache-2.0"}


def test_removing_a_model_frees_its_bytes(tiny_model: Path) -> None:
    folder = put_downloaded(tiny_model, "ViT-B-32/openai")
    size_bytes = sum(path.stat().st_size for path in folder.iterdir())
    assert remove("ViT-B-32/openai") == (size_bytes, {})
    assert not folder.exists()
    with pytest.raises(ModelMissing):
        remove("ViT-B-32/openai")


@pytest.mark.parametrize("name", ["builtin", "./mine", "/mine"])
def test_models_that_were_not_downloaded_are_not_removed(name: str) -> None:
    with pytest.raises(ModelError, match="was not downloaded by clipfind"):
        remove(name)


def test_an_empty_name_removes_nothing(tiny_model: Path) -> None:
    folder = put_downloaded(tiny_model, "ViT-B-32/openai")
    with pytest.raises(ModelError, match="empty"):
        remove("")
    assert resolve(str(folder)).folder == folder
