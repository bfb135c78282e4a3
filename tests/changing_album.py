"""A folder that changes at random while it is watched, as people and programs change folders."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import numpy as np
from PIL import Image


class ChangingAlbum:
    """Pictures in folders below `top`; the same seed makes the same changes."""

    def __init__(self, top: Path, seed: int = 0) -> None:
        self.top = top
        self._random = random.Random(seed)
        self._number = 0
        top.mkdir(exist_ok=True)

    def change(self) -> str:
        """Do one thing, and return what it was."""
        ways = [self.add] * 6 + [self.rewrite] * 3 + [self.rename] * 3 + [self.remove] * 3
        ways += [self.copy, self.copy_slowly, self.add_folder, self.add_folder]
        ways += [self.rename_folder, self.remove_folder, self.ignore, self.break_picture]
        way = self._random.choice(ways)
        way()
        return way.__name__

    def add(self) -> None:
        """Write a new picture."""
        self._write(self._folder() / f"{self._next():06}.{self._random.choice(('png', 'jpg'))}")

    def rewrite(self) -> None:
        """Write other pixels into a picture."""
        if picture := self._picture():
            self._write(picture)

    def rename(self) -> None:
        """Move a picture into a folder, over another one now and then."""
        if picture := self._picture():
            target = self._folder() / self._random.choice((picture.name, "000001.png"))
            picture.rename(target)

    def remove(self) -> None:
        """Delete a picture."""
        if picture := self._picture():
            picture.unlink()

    def copy(self) -> None:
        """Copy a picture with its times."""
        if picture := self._picture():
            target = self._folder() / f"copy {self._next()}{picture.suffix}"
            shutil.copy2(picture, target)

    def copy_slowly(self) -> None:
        """Write the first half of a picture now; the rest follows with the next change."""
        if picture := self._picture():
            content = picture.read_bytes()
            target = self._folder() / f"half {self._next()}{picture.suffix}"
            target.write_bytes(content[: len(content) // 2])
            if self._random.random() < 0.7:
                with target.open("ab") as file:
                    file.write(content[len(content) // 2 :])

    def break_picture(self) -> None:
        """Write a file that is no picture under a picture's name."""
        (self._folder() / f"broken {self._next()}.png").write_bytes(b"no picture")

    def add_folder(self) -> None:
        """Make folders in one another, with pictures in them."""
        folder = self._folder() / f"{self._next()}.d" / "in" / "it"
        folder.mkdir(parents=True)
        for _ in range(3):
            self._write(folder / f"{self._next():06}.png")

    def rename_folder(self) -> None:
        """Rename a folder with all that is in it."""
        if (folder := self._folder()) != self.top and folder.parent == self.top:
            folder.rename(self.top / f"renamed {self._next()}")

    def remove_folder(self) -> None:
        """Delete a folder with all that is in it."""
        if (folder := self._folder()) != self.top and self._random.random() < 0.5:
            shutil.rmtree(folder)

    def ignore(self) -> None:
        """Write an ignore file, or delete it."""
        ignore = self._folder() / ".clipfindignore"
        if ignore.exists():
            ignore.unlink()
        else:
            ignore.write_text(self._random.choice(("*.jpg\n", "copy*\n", "*1.png\n")))

    def end(self) -> None:
        """Delete the ignore files: rows of pictures left out stay, which a new index lacks."""
        for ignore in self.top.rglob(".clipfindignore"):
            ignore.unlink()

    def burst(self, number: int) -> None:
        """Make so many folders with a picture each at once."""
        for _ in range(number):
            folder = self.top / "burst" / f"{self._next()}"
            folder.mkdir(parents=True)
            self._write(folder / "a.png")

    def _write(self, path: Path) -> None:
        pixels = np.random.default_rng(self._next()).integers(0, 255, (24, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _folder(self) -> Path:
        folders = [self.top, *sorted(each for each in self.top.rglob("*") if each.is_dir())]
        return self._random.choice(folders)

    def _picture(self) -> Path | None:
        endings = (".png", ".jpg")
        pictures = sorted(each for each in self.top.rglob("*") if each.suffix in endings)
        return self._random.choice(pictures) if pictures else None
