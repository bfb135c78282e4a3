"""Previews in a real terminal: by clipfind itself, in fzf and in lf, as README and manual say."""

from __future__ import annotations

import os
import re
import shutil
import sys
from io import BytesIO
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest
from manual_seeing import SEEING
from PIL import Image
from processes import ODD_NAMES
from readme_examples import README_FILE
from terminal_pictures import blocks_in
from tmux_session import Tmux, tmux_session

from rclip_like.images.thumbnails import SMALL, ThumbnailCache, Wanted, thumbnails
from rclip_like.settings import ReadSettings
from rclip_like.walk.identity import content_digest

BLOCK = "\u2580"


def missing(*programs: str) -> str:
    return ", ".join(each for each in programs if shutil.which(each) is None)


pytestmark = pytest.mark.skipif(bool(missing("tmux")), reason="tmux is not installed")
needs_fzf = pytest.mark.skipif(bool(missing("fzf")), reason="fzf is not installed")
needs_lf = pytest.mark.skipif(bool(missing("lf")), reason="lf is not installed")


def recipe(beginning: str) -> str:
    """Return the README's code block that begins so."""
    blocks = re.findall(r"```sh\n(.*?)```", README_FILE.read_text(), re.DOTALL)
    (found,) = (block for block in blocks if block.startswith(beginning))
    return str(found)


@pytest.fixture
def tools(tmp_path: Path) -> dict[str, str]:
    """Return the environment in which `clipfind` is ours and xdg-open writes down its words."""
    folder = tmp_path / "bin"
    folder.mkdir()
    scripts = {
        "clipfind": f'exec {sys.executable} -m rclip_like "$@"',
        "xdg-open": f'printf "%s\\n" "$@" >> {tmp_path / "opened"}',
    }
    for name, line in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{line}\n")
        (folder / name).chmod(0o755)
    return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path)}


def thumbnail(path: Path) -> Image.Image:
    digest = content_digest(os.fsencode(path), path.stat().st_size)
    assert digest is not None
    wanted = [Wanted(os.fsencode(path), digest)]
    (webp,) = thumbnails(wanted, SMALL, ThumbnailCache(0), ReadSettings(workers=1))
    assert isinstance(webp, bytes)
    return Image.open(BytesIO(webp)).convert("RGB")


def shows(session: Tmux, path: Path | None) -> bool:
    """Return whether the half blocks on the screen are the picture's thumbnail, pixel by pixel."""
    lines = [line for line in session.lines(coloured=True) if BLOCK in line]
    if path is None or len({line.count(BLOCK) for line in lines}) != 1:  # not whole yet
        return False
    shown = blocks_in(lines)
    if not shown[-1].any():  # the lower half of an odd row
        shown = shown[:-1]
    height, width, _ = shown.shape
    image = thumbnail(path)
    pixels = np.asarray(image.resize((width, height), Image.Resampling.LANCZOS))
    return abs(image.width * height / image.height - width) <= 1.5 and np.array_equal(shown, pixels)


@pytest.mark.parametrize("columns", [80, 40, 24])
def test_search_draws_each_result_in_its_colours(
    columns: int, indexed: Path, tools: dict[str, str]
) -> None:
    with tmux_session(indexed.parent, tools, columns=columns) as session:
        session.type("clipfind blue pictures/deep -n -p -q; echo the end")
        session.press("Enter")
        lines = session.wait_until(lambda text: "\nthe end" in text)
        assert shows(session, indexed / "deep" / "three.jpg")
    assert "1." in "".join(lines)
    assert max(map(len, lines)) <= columns


def under_cursor(text: str) -> Path | None:
    """Return the path of the result under fzf's cursor, None while there is none."""
    lines = [line for line in text.splitlines()[2:] if line.startswith("> ")]
    return Path(lines[0].split()[1]) if lines else None


@needs_fzf
def test_fzf_searches_as_one_types_and_opens_what_is_chosen(
    indexed: Path, tools: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "Pictures").symlink_to(indexed)
    with tmux_session(tmp_path, tools, columns=300, rows=40) as session:
        session.type(recipe(": | fzf").rstrip("\n"))
        session.press("Enter")
        session.wait_until(lambda text: "0/0" in text)
        session.type("something 'b\"lue; touch $(echo planted)")
        session.wait_until(lambda text: "3/3" in text and shows(session, under_cursor(text)))
        session.press("C-u")
        session.wait_until(lambda text: "0/0" in text)
        session.type("-f")
        session.wait_until(lambda text: "3/3" in text)
        session.press("Enter")
        session.wait_until(lambda text: (tmp_path / "opened").exists() and "0/0" not in text)
    chosen = (tmp_path / "opened").read_text().strip()
    assert Path(chosen).resolve().is_relative_to(indexed)
    assert not list(tmp_path.rglob("planted*"))


@needs_fzf
@pytest.mark.parametrize("name", [each for each in ODD_NAMES if b"\xff" not in each])
def test_fzf_previews_odd_names(name: bytes, indexed: Path, tools: dict[str, str]) -> None:
    folder = indexed.parent / "odd"
    (folder / "only").mkdir()  # so that a shell's star finds it alone
    os.link(folder / os.fsdecode(name), folder / "only" / os.fsdecode(name))
    with tmux_session(folder / "only", tools, columns=100, rows=30) as session:
        session.type("printf '%s\\0' ./* | fzf --read0 --preview 'clipfind preview {}'")
        session.press("Enter")
        session.wait_until(lambda text: shows(session, folder / os.fsdecode(name)))
    shutil.rmtree(folder / "only")


@needs_lf
def test_lf_previews_what_is_under_the_cursor(
    indexed: Path, tools: dict[str, str], tmp_path: Path
) -> None:
    folder = tmp_path / "config" / "lf"
    folder.mkdir(parents=True)
    (folder / "lfrc").write_text(f"set previewer {folder / 'previewer'}\n")
    (script,) = re.findall(r"^    #!/bin/sh\n(?:    .*\n)+", SEEING, re.MULTILINE)
    (folder / "previewer").write_text(dedent(script))
    (folder / "previewer").chmod(0o755)
    own = tools | {
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "XDG_DATA_HOME": str(tmp_path / "data"),
    }
    with tmux_session(indexed, own, columns=100, rows=30) as session:
        session.type("lf -single deep")
        session.press("Enter")
        session.wait_until(lambda text: shows(session, indexed / "deep" / "three.jpg"))
        session.press("q")
