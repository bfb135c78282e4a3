"""Pictures with text in them."""

from __future__ import annotations

import os
import time
from importlib.util import find_spec
from pathlib import Path

import pytest
from PIL import Image, ImageDraw, ImageFont

needs_ocr = pytest.mark.skipif(find_spec("rapidocr") is None, reason="needs the extra ocr")


def write_sign(path: Path, text: str, size: tuple[int, int] = (400, 200), height: int = 40) -> Path:
    """Write a picture of a sign, an hour old."""
    picture = Image.new("RGB", size, "navy")
    font = ImageFont.load_default(height)
    ImageDraw.Draw(picture).text((height // 2, height), text, "white", font)
    picture.save(path)
    an_hour_ago = time.time() - 3600
    os.utime(path, (an_hour_ago, an_hour_ago))
    return path
