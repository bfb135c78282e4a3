"""Settings that nobody changes, each option of the command line written once.

A field that the command line sets says so in its annotation: `Annotated[type, Option(...)]`, and,
after that, under which heading the help has it. All this is plain data; `cli/` parses by it, prints
the help and the manual, and completes words.
"""

# No `from __future__ import annotations`: evaluated here, from bytecode, the annotations cost a
# twentieth of compiling them one by one when a command line is parsed.

from pathlib import Path
from typing import Annotated, Literal, NamedTuple

from rclip_like.settings.beside import DATABASE
from rclip_like.settings.declared import EVERYWHERE, Argument, Option, Setting
from rclip_like.settings.filters import Filters
from rclip_like.settings.folders import (
    cache_folder,
    config_file,
    data_folder,
    default_database,
    default_folders,
    is_offline,
    num_processors,
    path_of,
)
from rclip_like.settings.shared import Device, ModelName, Precision, Threads, Tiles, Weights

__all__ = [
    "EVERYWHERE",
    "Argument",
    "Device",
    "Filters",
    "ModelName",
    "Option",
    "Precision",
    "Setting",
    "Threads",
    "Tiles",
    "Weights",
    "cache_folder",
    "config_file",
    "data_folder",
    "default_database",
    "default_folders",
    "is_offline",
    "num_processors",
    "path_of",
]

MOST_THUMBNAIL_MEGABYTES = 500
"""How much the cache of thumbnails may hold unless set otherwise; of small ones about 60,000."""

ThumbnailCacheSize = Annotated[
    int,
    Setting(
        "--thumbnail-cache",
        metavar="MB",
        min=0,
        help="Keep at most so many megabytes of thumbnails for the next time; those used least "
        "recently go first. 0: none.",
    ),
]
Database = Annotated[
    Path | None,
    DATABASE,
    EVERYWHERE,
]
DryRun = Annotated[
    bool, Option("--dry-run", help="Only show what would be dropped, by folder."), "Upkeep"
]
Wait = Annotated[
    bool, Option("--no-wait", help="Leave at once if another run writes to the index."), "Upkeep"
]


class WalkSettings(NamedTuple):
    """Which files a walk yields; the globs follow gitignore syntax and add to the defaults.

    `inodes` says whether a file system keeps its files' inodes and ctimes from one mount to the
    next (`stable`), or size and mtime alone tell a file that has changed (`unstable`); `auto`
    learns it from two runs.
    """

    hidden: Annotated[
        bool,
        Setting(
            "--hidden",
            help="Include hidden files and folders (.name, trash), and those beside .nomedia.",
        ),
    ] = False
    ignore_files: Annotated[
        bool, Setting("--no-ignore", help="Do not respect .ignore and .clipfindignore files.")
    ] = True
    follow: Annotated[
        bool,
        Setting(
            "--follow -L",
            help="Follow symbolic links. Without it, what was indexed through links stays unseen.",
        ),
    ] = False
    one_file_system: Annotated[
        bool, Setting("--one-file-system", help="Stay on the file system of each PATH.")
    ] = False
    raw_pairs: Annotated[
        bool,
        Setting(
            "--raw-pairs",
            help="Also take raw files beside a JPEG or HEIC of the same name. Without it, rows of "
            "such files stay in the index but are not shown.",
        ),
    ] = False
    exclude: Annotated[
        tuple[str, ...],
        Setting(
            "--exclude",
            metavar="GLOB",
            help="Leave out what matches, as in .gitignore; with or without a slash at the end. "
            "Repeatable. Rows of pictures left out stay in the index.",
        ),
    ] = ()
    glob: Annotated[
        tuple[str, ...],
        Option("--glob", metavar="GLOB", help="Only pictures that match. Repeatable."),
    ] = ()
    inodes: Annotated[
        Literal["auto", "stable", "unstable"],
        Setting(
            "--inodes",
            help="Whether inode and ctime, beside size and mtime, tell that a file changed. Some "
            "network file systems assign new ones at each mount; auto detects this after two runs.",
        ),
    ] = "auto"


class ReadSettings(NamedTuple):
    """Limits within which a picture is decoded, each in its own worker process.

    None means: as many worker processes as there are processors, the memory of each so that all
    together leave some of the machine's, and as many pixels as that memory takes in the picture's
    format. `max_seconds` is a processor's time to decode one picture. `max_wait_seconds` is the
    clock's, to read its file, and again to decode it: beyond that the disk or the machine stood
    still. `accept_truncated` lets count what can be decoded of a file that is cut short.
    """

    max_megapixels: Annotated[
        float | None,
        Setting(
            "--max-megapixels",
            metavar="N",
            min=0.001,
            help="Refuse larger pictures. Default: as many as the memory takes.",
        ),
    ] = None
    max_seconds: float = 60.0
    max_memory_bytes: int | None = None
    workers: Threads = None
    accept_truncated: Annotated[
        bool,
        Setting(
            "--accept-truncated",
            help="Use what can be decoded of pictures that are cut short, in a query too.",
        ),
    ] = False
    max_wait_seconds: float = 900.0


class WebSettings(NamedTuple):
    """Limits within which a query's picture is fetched; the seconds are for all of it together.

    `allow_private` lets the address itself lie in the own network, and on any port; what it leads
    on to, at another host, may not.
    """

    max_seconds: float = 30.0
    max_bytes: int = 64 << 20
    max_redirects: int = 5
    # No setting: only who types the address knows whether it may reach into the own network.
    allow_private: Annotated[
        bool,
        Option(
            "--allow-private",
            help="Fetch a web address in QUERY from your own network too, on any port.",
        ),
    ] = False


class EncoderSettings(NamedTuple):
    """Where and how exactly a model runs; `auto` decides by device and processor."""

    device: Device = "auto"
    precision: Precision = "auto"
    batch_size: int | None = None
    threads: Threads = None


class IndexSettings(NamedTuple):
    """One indexing run; `read` None means the library's own, `max_seconds` None no limit.

    `retry` reads again what could not be read, `verify` all files, to compare their contents.
    `thumbnails` keeps a small thumbnail of each picture that is read for the model, in a cache of
    at most `thumbnail_megabytes`. `read_words` reads captions and keywords of pictures that were
    indexed before there were any; those of pictures that are read anyway are always taken.
    `tiles` encodes crops of long pictures beside the whole, also of those indexed without.
    `text` acts on the command line alone; from Python it is `Library.read_texts`.
    """

    walk: Annotated[WalkSettings, "Which pictures"] = WalkSettings()
    read: Annotated[ReadSettings | None, "Reading pictures"] = None
    max_seconds: Annotated[
        float | None,
        Option(
            "--max-time",
            metavar="SECONDS",
            min=0,
            help="Stop cleanly after so long; default and 0: never.",
        ),
    ] = None
    wait: Annotated[
        bool, Option("--no-wait", help="Leave at once, with status 0, if another run indexes.")
    ] = True
    retry: Annotated[
        bool,
        Option("--retry", help="Try again what could not be read, even if it has not changed."),
    ] = False
    verify: Annotated[
        bool,
        Option(
            "--verify",
            help="Read known pictures again, too, and re-encode those whose content changed "
            "although size and time did not. If stopped, the next run continues.",
        ),
    ] = False
    thumbnails: Annotated[
        bool,
        Option(
            "--thumbnails",
            help="Make the thumbnails of all indexed pictures, so that pages and contact sheets "
            "come up at once. If stopped, the next run continues.",
        ),
    ] = False
    text: Annotated[
        bool, Option("--read-text", help="Also read text in pictures (by rapidocr), for --words.")
    ] = False
    tiles: Tiles = False
    thumbnail_megabytes: ThumbnailCacheSize = MOST_THUMBNAIL_MEGABYTES
    read_words: bool = True


class SearchSettings(NamedTuple):
    """What is ranked and which of it is kept; `top` 0 means all, scores are cosines.

    `min_score` "auto" shows what seems to show what the words say, and nothing if nothing does; it
    keeps all that a query with a picture in it finds. `collapse` None shows all copies, as False
    does, and `words` None looks for none, as "off" does; the command line decides by where it
    prints.
    """

    top: Annotated[
        int, Setting("--top -t", metavar="N", min=0, help="Show the N best; 0 shows all.")
    ] = 10
    min_score: Annotated[
        float | Literal["auto"] | None,
        Setting(
            "--min-score",
            metavar="X",
            min=-1,
            max=1,
            help="Only scores (cosines) of X or more. auto: only what seems to show what the words "
            "say, which may be nothing.",
        ),
    ] = None
    within: Annotated[
        float | None,
        Setting("--within", metavar="X", min=0, max=2, help="Only scores within X of the best."),
    ] = None
    sort: Annotated[
        Literal["score", "date", "-date", "path"],
        Setting(
            "--sort",
            metavar="KEY",
            help="Sort the results by score, date (newest first), -date (oldest first) or path.",
        ),
    ] = "score"
    collapse: Annotated[
        bool | None,
        Setting(
            "--collapse/--no-collapse",
            help="Show equal files once. Default: on a terminal's table only.",
        ),
    ] = None
    words: Annotated[
        Literal["off", "on", "only"] | None,
        Setting(
            "--words",
            help="Also look for the words of QUERY in captions, keywords, text in pictures and "
            "names of files and folders (on), there alone (only), or not (off). Default: on in a "
            "terminal's table, else off.",
        ),
    ] = None
    explain: Annotated[
        bool,
        Option("--explain", help="Show the score of each part of the query, and the words found."),
    ] = False
    everywhere: Annotated[
        bool, Option("--all", help="Search all that is indexed, wherever it lies.")
    ] = False
    all_hidden: Annotated[
        bool, Option("--all-hidden", help="Also show pictures hidden with 'clipfind hide'.")
    ] = False
    template: Annotated[
        Literal["none", "photo", "all"],
        Setting(
            "--template",
            metavar="NAME",
            help="Wrap the query words in a sentence: none, photo ('a photo of a ...') or all.",
        ),
    ] = "none"
    cache_texts: Annotated[
        bool, Setting("--no-cache", help="Do not remember the words of this query.")
    ] = True
    walk: Annotated[WalkSettings, "Which pictures"] = WalkSettings()
    filters: Annotated[Filters, "Which pictures"] = Filters()


class PruneSettings(NamedTuple):
    """What `prune` drops beside what is gone; `keep` names models that stay, with `models`."""

    models: Annotated[
        bool,
        Option(
            "--models",
            help="Drop embeddings of models that are not in use, too: all but --model, the index's "
            "default, and those of --keep.",
        ),
    ] = False
    keep: Annotated[
        tuple[str, ...],
        Option(
            "--keep",
            metavar="MODEL",
            help="With --models: a model to keep, by name, by folder, or by the beginning of its "
            "fingerprint as 'status' shows it. Repeatable.",
        ),
    ] = ()
    texts: Annotated[bool, Option("--texts", help="Drop remembered words of queries, too.")] = False
    thumbnails: Annotated[
        bool,
        Option("--thumbnails", help="Delete all thumbnails in the cache folder, too."),
    ] = False
    dry_run: DryRun = False
    wait: Wait = True


class LibraryChoice(NamedTuple):
    """Which index is used, with which model; the fields are named as the Library takes them."""

    model: ModelName = None
    weights: Weights = None
    database: Database = None


class LibrarySettings(NamedTuple):
    """All that the environment and the configuration file say to a Library."""

    library: LibraryChoice = LibraryChoice()
    encoder: EncoderSettings = EncoderSettings()
    read: ReadSettings = ReadSettings()
    web: WebSettings = WebSettings()
    indexing: IndexSettings = IndexSettings()
    searching: SearchSettings = SearchSettings()
