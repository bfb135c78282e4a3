"""What all documents of one file share with each other and with the window."""

from __future__ import annotations

import re
from importlib import resources

PAGE = resources.files("rclip_like.page")
COLOURS = {"paper", "ink", "faint", "line", "mat", "raised", "link"}


def colours_of(name: str) -> list[dict[str, str]]:
    """Return the colours in light and in dark, by their names, as a style sheet begins with."""
    blocks = re.findall(r":root \{(.*?)\}", PAGE.joinpath(name).read_text(), re.DOTALL)
    named = [dict(re.findall(r"--(\w+): (#\w+)", block)) for block in blocks]
    return [each for each in named if "paper" in each][:2]


def test_documents_have_the_colours_of_the_window() -> None:
    window, documents = colours_of("static/window.css"), colours_of("templates/document.css")
    assert [set(each) for each in documents] == [COLOURS, COLOURS]
    for ours, theirs in zip(documents, window, strict=True):
        assert ours == {name: theirs[name] for name in COLOURS}
