"""Colour profiles of wider spaces than sRGB, made of its own with other primaries."""

from __future__ import annotations

import numpy as np
from PIL import ImageCms

P3 = ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841))
"""Display P3's primaries, adapted to D50."""
ADOBE_RGB = ((0.6097, 0.3111, 0.0195), (0.2053, 0.6257, 0.0609), (0.1492, 0.0632, 0.7446))
"""Those of Adobe RGB (1998), adapted to D50."""


def profile(colour_space: str) -> bytes:
    """Return the profile that littlecms makes for a colour space."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(colour_space)).tobytes()


def with_primaries(primaries: tuple[tuple[float, float, float], ...]) -> bytes:
    """Return a profile of these primaries and sRGB's curve, as ICC version 2 has them."""
    srgb = bytearray(profile("sRGB"))
    columns = dict(zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True))
    for number in range(int.from_bytes(srgb[128:132], "big")):
        entry = srgb[132 + 12 * number : 144 + 12 * number]
        start = int.from_bytes(entry[4:8], "big")
        if bytes(entry[:4]) in columns:
            numbers = [round(value * 65536) for value in columns[bytes(entry[:4])]]
            srgb[start + 8 : start + 20] = np.array(numbers, ">i4").tobytes()
    renamed = bytes(srgb).replace(b"s\0R\0G\0B", b"w\0i\0d\0e").replace(b"sRGB b", b"wide b")
    assert renamed != profile("sRGB")
    return renamed
