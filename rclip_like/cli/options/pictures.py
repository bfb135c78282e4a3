"""Which pictures are meant: paths, where they come from, and patterns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from rclip_like.cli.declare import argument, option, setting

Paths = Annotated[
    tuple[str, ...], argument("[PATH]...", help="Folders or pictures; none: the current folder.")
]


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Where the paths come from, beside the command line."""

    GROUP = "Paths"

    files_from: Annotated[
        str | None,
        option(
            "--files-from", metavar="FILE", help="Read more PATHs from FILE, one a line; -: stdin."
        ),
    ] = None
    files0_from: Annotated[
        str | None,
        option("--files0-from", metavar="FILE", help="The same, each PATH ended by a NUL."),
    ] = None


@dataclass(frozen=True, kw_only=True)
class Walking:
    """Which pictures under the paths are meant."""

    GROUP = "Which pictures"

    exclude: Annotated[
        tuple[str, ...],
        setting(
            "--exclude",
            metavar="GLOB",
            help="Leave out what matches, as in .gitignore; with or without a slash at the end. "
            "Repeatable. Rows of pictures left out stay in the index.",
        ),
    ] = ()
    glob: Annotated[
        tuple[str, ...],
        option("--glob", metavar="GLOB", help="Only pictures that match. Repeatable."),
    ] = ()
    hidden: Annotated[
        bool, setting("--hidden", help="Also hidden files and folders, and those beside .nomedia.")
    ] = False
    no_ignore: Annotated[
        bool, setting("--no-ignore", help="Do not respect .ignore and .clipfindignore files.")
    ] = False
    follow: Annotated[
        bool,
        setting(
            "--follow",
            "-L",
            help="Follow symbolic links. Without it, what was indexed through links stays unseen.",
        ),
    ] = False
    one_file_system: Annotated[
        bool, setting("--one-file-system", help="Stay on the file system of each PATH.")
    ] = False
    raw_pairs: Annotated[
        bool,
        setting(
            "--raw-pairs",
            help="Also raw files beside a JPEG or HEIC of the same name, which stands for both. "
            "Without it their rows stay in the index, unseen.",
        ),
    ] = False
    inodes: Annotated[
        Literal["auto", "stable", "unstable"],
        setting(
            "--inodes",
            help="Whether inode and ctime, beside size and mtime, tell that a file changed. Some "
            "network file systems give new ones at each mount; auto learns it from two runs.",
        ),
    ] = "auto"


@dataclass(frozen=True, kw_only=True)
class Reading:
    """Which pictures are read, of those that are meant."""

    GROUP = "Reading pictures"

    max_megapixels: Annotated[
        float | None,
        setting(
            "--max-megapixels",
            metavar="N",
            min=0.001,
            help="Refuse larger pictures. Default: as many as the memory takes.",
        ),
    ] = None
    accept_truncated: Annotated[
        bool,
        setting(
            "--accept-truncated",
            help="Also pictures that are cut short, as a query too: what can be decoded of them "
            "counts.",
        ),
    ] = False
