"""HEIC by pi-heif, turned even where its orientation stands in EXIF alone."""

from __future__ import annotations

from typing import Any

import pi_heif
from PIL import Image, ImageFile

from rclip_like.images.boxes import turns_its_picture


class HeifImageFile(pi_heif.HeifImageFile):  # type: ignore[misc]
    """A HEIC file; its EXIF block states the orientation unless the file itself turns the picture.

    pi-heif always removes EXIF's orientation, as the standard makes rotation a matter of the
    container. Some cameras and converters write none there, and phones' galleries then follow EXIF.
    """

    def _open(self) -> None:
        start = self.fp.tell()
        self._is_turned = turns_its_picture(self.fp.read())
        self.fp.seek(start)
        super()._open()

    def _init_from_heif_file(self, img_index: int) -> None:
        info: dict[str, Any] = self._heif_file[img_index].info
        block = info.get("exif")
        super()._init_from_heif_file(img_index)
        if block is not None and not self._is_turned:
            self.info["exif"] = block

    def load(self) -> Any:
        """Decode all of it or raise: pi-heif shows black for a part that it cannot decode."""
        before, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, False
        try:
            return super().load()
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = before


def register() -> None:
    """Tell Pillow of the format."""
    pi_heif.register_heif_opener()
    accept = Image.OPEN[HeifImageFile.format][1]
    Image.register_open(HeifImageFile.format, HeifImageFile, accept)
