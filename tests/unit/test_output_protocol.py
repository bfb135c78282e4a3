"""How the protocol of pictures is chosen by a terminal's variables."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rclip_like.output.protocol import (
    CellSize,
    Graphics,
    graphics_of,
    has_true_colours,
    protocol_of,
)


@pytest.mark.parametrize(
    ("variables", "protocol"),
    [
        ({"TERM": "xterm-kitty"}, "kitty"),
        ({"TERM": "xterm-256color", "KITTY_WINDOW_ID": "1"}, "kitty"),
        ({"TERM": "xterm-ghostty"}, "kitty"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "ghostty"}, "kitty"),
        ({"TERM": "foot"}, "sixel"),
        ({"TERM": "foot-extra"}, "sixel"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "WezTerm"}, "sixel"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "iTerm.app"}, "sixel"),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "Apple_Terminal"}, "blocks"),
        ({"TERM": "linux"}, "blocks"),
        ({}, "blocks"),
        # These answer when they are asked.
        ({"TERM": "xterm-256color"}, None),
        ({"TERM": "xterm-256color", "VTE_VERSION": "7600"}, None),
        ({"TERM": "xterm-256color", "TERM_PROGRAM": "vscode", "KITTY_WINDOW_ID": "1"}, None),
        ({"TERM": "xterm-kitty", "ZELLIJ": "0"}, None),
        # One terminal inside another inherits variables, but not what these can.
        ({"TERM": "screen-256color", "KITTY_WINDOW_ID": "1"}, "blocks"),
        ({"TERM": "tmux-256color", "TERM_PROGRAM": "tmux"}, "blocks"),
        ({"TERM": "xterm-kitty", "STY": "1.x"}, "blocks"),
        ({"TERM": "xterm-kitty", "NVIM": "/run/nvim"}, "blocks"),
    ],
)
def test_variables_tell_the_protocol(variables: dict[str, str], protocol: str | None) -> None:
    assert protocol_of(variables) == protocol


@pytest.mark.parametrize(
    ("says", "protocol"),
    [
        ("3.4 256,RGB,sixel,title", "sixel"),
        ("3.5a sixel", "sixel"),
        ("next-3.6 sixel", "sixel"),
        ("3.4 256,RGB", "blocks"),
        ("3.3a 256,sixel", "blocks"),
        ("", "blocks"),
    ],
)
def test_tmux_says_whether_the_terminal_around_it_shows_sixels(
    says: str, protocol: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmux").write_text(f"#!/bin/sh\n[ $1 = display-message ] && echo '{says}'\n")
    (tmp_path / "tmux").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    variables = {"TMUX": "/tmp/socket,1,0", "TERM": "screen", "KITTY_WINDOW_ID": "1"}
    assert protocol_of(variables) == protocol


def test_tmux_that_hangs_or_is_missing_means_blocks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "tmux").write_text("#!/bin/sh\nexec sleep 60\n")
    for mode in (0o755, 0o644):
        (tmp_path / "tmux").chmod(mode)
        monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{'/bin' if mode == 0o755 else ''}")
        assert protocol_of({"TMUX": "x"}) == "blocks"


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"COLORTERM": "truecolor"}, True),
        ({"COLORTERM": "24bit"}, True),
        ({"TERM": "xterm-kitty"}, True),
        ({"TERM": "xterm-direct"}, True),
        ({"TERM": "xterm-256color"}, False),
        ({}, False),
    ],
)
def test_24_bits_of_colour_where_the_terminal_says_so(
    variables: dict[str, str], expected: bool
) -> None:
    assert has_true_colours(variables) is expected


def test_in_a_pipe_blocks_are_drawn_unless_another_protocol_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TERM", "xterm-kitty")
    with (tmp_path / "file").open("w") as file:
        assert graphics_of(file) == Graphics("blocks", CellSize(8, 16), True)
        assert graphics_of(file, "kitty").protocol == "kitty"
        assert graphics_of(file, "sixel").protocol == "sixel"
    assert graphics_of(None).protocol == "blocks"
