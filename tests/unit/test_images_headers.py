"""What the first bytes of pictures tell, compared with the decoder."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import pytest
from damaged_pictures import MAKERS
from PIL import Image

from rclip_like.images.decoding import Unreadable
from rclip_like.images.headers import HEADER_BYTES, check_start, read_start, stated_size
from rclip_like.images.limits import within_memory
from rclip_like.settings import ReadSettings

LIMITS = within_memory(ReadSettings())
STATED = ("jpg", "mpo", "png", "apng", "webp", "gif", "bmp")


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)


@pytest.mark.parametrize("ending", MAKERS)
def test_the_header_of_every_format_passes(ending: str, pixels: np.ndarray) -> None:
    try:
        picture = MAKERS[ending](pixels)
    except (ImportError, OSError, KeyError) as error:
        pytest.skip(f"cannot be written here: {error}")
    size = check_start(picture[:HEADER_BYTES], f"a.{ending}", LIMITS)
    assert size == ((64, 48) if ending in STATED else (0, 0))


@pytest.mark.parametrize("lossless", [True, False])
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_the_kinds_of_webp_state_their_size(lossless: bool, mode: str) -> None:
    stream = io.BytesIO()
    Image.new(mode, (301, 7), (1, 2, 3, 4)[: len(mode)]).save(stream, "WEBP", lossless=lossless)
    assert stated_size(stream.getvalue()) == (301, 7)


def test_a_jpeg_with_much_before_its_frame_states_its_size() -> None:
    stream = io.BytesIO()
    exif = b"Exif\0\0" + bytes(60_000)
    Image.new("RGB", (30, 20)).save(stream, "JPEG", exif=exif, progressive=True)
    assert stated_size(stream.getvalue()[:HEADER_BYTES]) == (30, 20)


@pytest.mark.parametrize(
    ("start", "reason"),
    [
        (b"", "empty file"),
        (b"no picture at all", "not a picture in a known format"),
        (b"GIF89a\xff\xff\xff\xff\x80\0\0", "has more than .* megapixels"),
    ],
)
def test_what_no_decoder_would_read_is_refused(start: bytes, reason: str) -> None:
    with pytest.raises(Unreadable, match=reason):
        check_start(start, "a.png", LIMITS)


def test_headers_cut_anywhere_are_no_error(pixels: np.ndarray) -> None:
    for ending in STATED:
        picture = MAKERS[ending](pixels)
        for length in range(1, 200):
            assert stated_size(picture[:length]) in (None, (64, 48))


@pytest.mark.skipif(os.name == "nt", reason="pipes of Unix")
@pytest.mark.timeout(5)
def test_pipes_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(Unreadable, match="not a regular file"):
        read_start(str(tmp_path / "a.png"), LIMITS)
    with pytest.raises(Unreadable, match="No such file"):
        read_start(str(tmp_path / "b.png"), LIMITS)
