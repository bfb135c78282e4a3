"""Prompt templates: sets, one as typed, files."""

from __future__ import annotations

from pathlib import Path

import pytest

from rclip_like.errors import UsageError
from rclip_like.evaluate.templates import TEMPLATE_SETS, fill, parse_templates, templates_of
from rclip_like.models.towers.torchvision_cure import import_open_clip


def test_the_sets_equal_those_of_open_clip() -> None:
    metadata = import_open_clip()
    for name, reference in (
        ("simple", metadata.SIMPLE_IMAGENET_TEMPLATES),
        ("imagenet80", metadata.OPENAI_IMAGENET_TEMPLATES),
    ):
        assert templates_of(name) == tuple(template("{}") for template in reference)


def test_each_set_has_its_number_of_templates() -> None:
    assert [len(templates_of(name)) for name in TEMPLATE_SETS] == [1, 1, 7, 80]
    assert templates_of("none") == ("{}",)
    assert templates_of("photo") == ("a photo of a {}.",)


def test_a_template_as_typed_keeps_its_other_braces() -> None:
    assert templates_of("a {thing} like {}") == ("a {thing} like {}",)
    assert fill("a {thing} like {}", "{}{0}") == "a {thing} like {}{0}"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_file_has_one_template_a_line(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "prompts.txt"
    path.write_bytes("# mine\r\n\r\nein Bild: {}\r\n  größer {} \n".encode(encoding))
    assert templates_of(str(path)) == ("ein Bild: {}", "größer {}")


@pytest.mark.parametrize("template", ["{} and {}", "a photo of {}{}"])
def test_a_template_that_contains_the_label_twice_is_refused(template: str) -> None:
    with pytest.raises(UsageError, match=r"contains \{\} 2 times; a template contains it once"):
        templates_of(template)


def test_a_line_without_the_label_is_named() -> None:
    with pytest.raises(UsageError, match=r"p\.txt: line 2: 'a photo' contains \{\} 0 times"):
        parse_templates("{}\na photo\n", "p.txt")


def test_what_is_no_set_template_or_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"neither a set of templates.*none, photo, simple, imag"):
        templates_of(str(tmp_path / "imagenet"))
    with pytest.raises(UsageError, match="cannot be read"):
        templates_of(str(tmp_path))
    (tmp_path / "empty").write_bytes(b"# nothing\n")
    with pytest.raises(UsageError, match="has no templates"):
        templates_of(str(tmp_path / "empty"))
    (tmp_path / "picture").write_bytes(b"\xff\xd8\xff\xe0 {}")
    with pytest.raises(UsageError, match="is not text in UTF-8 or UTF-16"):
        templates_of(str(tmp_path / "picture"))
