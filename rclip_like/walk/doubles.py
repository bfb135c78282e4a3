"""A camera's raw file beside the picture made of it: one photo, of which the picture is taken."""

from __future__ import annotations

import os
import stat
from collections.abc import Container, Iterable, Mapping

from rclip_like.settings import WalkSettings
from rclip_like.values import RAW_EXTENSIONS, Root
from rclip_like.walk.ignoring import Ignored
from rclip_like.walk.patterns import extension, is_wanted

# What cameras and phones write in the same moment. A TIFF or PNG of the same name was made later,
# by hand, and may look quite different.
_DEVELOPED = frozenset(b".jpg .jpeg .jpe .heic .heif .hif".split())


def pictures_beside(
    names: Iterable[bytes], raw: Container[bytes] = RAW_EXTENSIONS
) -> dict[bytes, list[bytes]]:
    """Return for each raw file among one folder's names the pictures of the same name, if any.

    raw: the endings of raw files. The names agree up to the last dot, large and small letters
    alike.
    """
    raws: dict[bytes, bytes] = {}
    pictures: dict[bytes, list[bytes]] = {}
    for name in names:
        ending = extension(name)
        stem = name[: -len(ending)].lower()
        if ending in raw:
            raws[name] = stem
        elif ending in _DEVELOPED:
            pictures.setdefault(stem, []).append(name)
    return {name: pictures[stem] for name, stem in raws.items() if stem in pictures}


class Doubles:
    """Tells of files under one root whether a walk takes the picture beside them in their place.

    Each folder of a raw file is listed once. A picture that the walk leaves out takes no place.
    """

    def __init__(self, root: Root, settings: WalkSettings, ignored: Ignored | None) -> None:
        self._root = root
        self._settings = settings
        self._ignored: Ignored | tuple[()] = () if ignored is None else ignored
        self._beside: dict[bytes, Mapping[bytes, list[bytes]]] = {}

    def __contains__(self, path: bytes) -> bool:
        if self._settings.raw_pairs or extension(path) not in RAW_EXTENSIONS:
            return False
        folder, name = os.path.split(path)
        if folder not in self._beside:
            try:
                self._beside[folder] = pictures_beside(os.listdir(folder))
            except OSError:
                self._beside[folder] = {}
        pictures = self._beside[folder].get(name, ())
        return any(self._takes(os.path.join(folder, picture)) for picture in pictures)

    def _takes(self, path: bytes) -> bool:
        if not is_wanted(self._root, path, self._settings) or path in self._ignored:
            return False
        try:
            return stat.S_ISREG(os.stat(path, follow_symlinks=self._settings.follow).st_mode)
        except OSError:
            return False
