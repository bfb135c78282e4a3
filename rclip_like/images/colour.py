"""Any mode of Pillow to sRGB: profiles, CMYK, alpha over white, greys deeper than eight bits."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO

from PIL import Image, ImageCms

_ALPHA_OR_NOTHING = frozenset(("BMP", "DIB", "ICO", "TGA"))
"""Formats in which many programs leave the fourth byte at zero; then it means nothing."""

_SMOOTH = frozenset(("L", "LA", "RGB", "RGBA", "CMYK"))


def resizable(image: Image.Image) -> Image.Image:
    """Return the picture in a mode that can be resized smoothly: L, LA, RGB, RGBA or CMYK."""
    if image.mode == "F" or image.mode.startswith("I"):
        from rclip_like.images.depth import in_eight_bits  # which imports NumPy

        return in_eight_bits(image)
    may_lack_alpha = image.format in _ALPHA_OR_NOTHING
    if image.has_transparency_data and image.mode not in ("LA", "RGBA"):
        image = image.convert("RGBA")
    if may_lack_alpha and image.mode in ("LA", "RGBA") and image.getextrema()[-1] == (0, 0):
        return image.convert(image.mode[:-1])
    if image.mode in _SMOOTH:
        return image
    return image.convert("L" if image.mode == "1" else "RGB")  # L is a quarter of the memory


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Return a resizable picture as RGB in sRGB, what is transparent over white.

    profile: the picture's ICC profile. A broken one, or one for another kind of pixels, is
    ignored.
    """
    if image.mode in ("LA", "RGBA"):
        ground = Image.new(image.mode, image.size, "white")
        image = Image.alpha_composite(ground, image).convert(image.mode[:-1])
    transform = _transform(profile, image.mode) if profile else None
    if transform is None:
        return image.convert("RGB")
    return ImageCms.applyTransform(image, transform) or image.convert("RGB")


@lru_cache(maxsize=8)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return the transform from a profile to sRGB; one for CMYK takes longer than a decode."""
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        if ImageCms.getProfileDescription(source).startswith("sRGB IEC61966"):
            return None  # most cameras' profile: a tenth of the time of reading, for nothing
        return ImageCms.buildTransform(
            source,
            ImageCms.createProfile("sRGB"),
            mode,
            "RGB",
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            ImageCms.Flags.BLACKPOINTCOMPENSATION,
        )
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
