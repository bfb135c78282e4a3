"""huggingface_hub's cache, by its published layout: what lies in it, and what is entered there.

The layout: huggingface.co/docs/hub/local-cache. Nothing that a hub says later than in its list
becomes a path here: the library's own download takes the ETag of an answer for one, unchecked.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from huggingface_hub import constants, try_to_load_from_cache
from huggingface_hub.file_download import repo_folder_name

from rclip_like.files import make_folder, write_whole
from rclip_like.models.names import PART_ENDING

DIGEST = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")

_FOLDER_MODE = 0o775
_FILE_MODE = 0o644
"""The cache may be shared: the umask says who reads. Contents, which a model folder may have in
common with it, are their owner's to write, and folders not everybody's, whatever the umask."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file as the hub lists it; `commit` is the state of the repository in which it is so.

    `digest` is hexadecimal: SHA-256, or of 40 digits the SHA-1 that git gives a blob.
    """

    repository: str
    commit: str
    name: str
    size_bytes: int
    digest: str

    @property
    def cache(self) -> Path:
        """The folder of the repository in huggingface_hub's cache."""
        return cache_of(self.repository)

    @property
    def blob(self) -> Path:
        """Where the cache keeps the content, whatever its name in whichever commit."""
        return self.cache / "blobs" / self.digest

    @property
    def part(self) -> Path:
        """Where the content grows until it is whole; an interrupted download goes on with it."""
        return self.blob.with_name(self.digest + PART_ENDING)

    def find(self) -> Path | None:
        """Return where the file lies in the cache, by this or another name, unchecked."""
        found = try_to_load_from_cache(self.repository, self.name, revision=self.commit)
        if isinstance(found, str):
            return Path(found)
        return self.blob if self.blob.is_file() else None

    def missing_bytes(self) -> int:
        """Return how many bytes a download has still to bring."""
        if self.find() is not None:
            return 0
        return self.size_bytes - (self.part.stat().st_size if self.part.is_file() else 0)

    def open_part(self) -> BinaryIO:
        """Open the part for what is to be appended. Raises OSError."""
        make_cache_folder(self.part.parent)
        return open(self.part, "ab", opener=lambda path, flags: os.open(path, flags, _FILE_MODE))

    def enter(self) -> Path:
        """Give the blob its name in the commit, and return where the content then lies.

        That is the blob, or where the cache cannot link, the name. Raises OSError.
        """
        path = self.cache / "snapshots" / self.commit / self.name
        make_cache_folder(path.parent)
        content = self.blob
        if not _link(self.blob, path):
            os.replace(self.blob, path)
            content = path
        newest = self.cache / "refs" / "main"
        # Where it says so already, a cache that may only be read in part stays usable.
        if not newest.is_file() or newest.read_bytes() != self.commit.encode():
            make_cache_folder(newest.parent)
            with write_whole(newest, _FILE_MODE) as draft:
                draft.write_text(self.commit)
        return content


def make_cache_folder(folder: Path) -> None:
    """Make a folder of the cache, and those missing above it. Raises OSError."""
    make_folder(folder, _FOLDER_MODE)


def cache_of(repository: str) -> Path:
    """Return the folder of a repository in huggingface_hub's cache."""
    folder = repo_folder_name(repo_id=repository, repo_type="model")
    return Path(constants.HF_HUB_CACHE) / folder


def cached_files(repository: str) -> list[RemoteFile]:
    """Return what the cache has of a repository, with the digests by which it keeps the contents.

    That is nothing where it cannot link, as it then keeps no digests.
    """
    folder = cache_of(repository)
    try:
        commit = (folder / "refs" / "main").read_text().strip()
    except OSError:
        return []
    snapshot = folder / "snapshots" / commit
    files = []
    for path in snapshot.rglob("*"):
        digest = path.readlink().name if path.is_symlink() and path.is_file() else ""
        if DIGEST.fullmatch(digest):
            name = path.relative_to(snapshot).as_posix()
            files.append(RemoteFile(repository, commit, name, path.stat().st_size, digest))
    return files


def _link(blob: Path, path: Path) -> bool:
    """Return whether a path leads to a blob, as it does now where the cache can link."""
    if constants.HF_HUB_DISABLE_SYMLINKS:
        return False
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    try:
        draft.symlink_to(os.path.relpath(blob, path.parent))
    except OSError:  # a file system or a Windows without links
        return False
    os.replace(draft, path)
    return True
