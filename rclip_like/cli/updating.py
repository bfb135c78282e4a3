"""Update the index before `search` and `classify` answer, and print notes on the update."""

from typing import TYPE_CHECKING, Annotated, NamedTuple

from rclip_like.cli.options import Given
from rclip_like.cli.paths import (
    Sources,
    named_paths,
    standing_patterns,
    still_there,
    without_unmatched,
)
from rclip_like.cli.proposals import index_command
from rclip_like.cli.remedies import said
from rclip_like.errors import counted
from rclip_like.output.reports import (
    index_sentence,
    left_out_sentences,
    trouble_sentence,
    unreadable_sentence,
)
from rclip_like.output.stream import Talk
from rclip_like.settings import IndexSettings, Option, Setting, Tiles, WalkSettings

if TYPE_CHECKING:
    from rclip_like.values import IndexReport

WITHOUT_EFFECT = (
    ("--no-index", "--max-time"),
    ("--no-index", "--one-file-system"),
    ("--no-index", "--tiles"),
    ("--all", "[PATH]..."),
    ("--all", "--files-from"),
    ("--all", "--files0-from"),
    ("--all", "--no-index"),
    ("--all", "--max-time"),
    ("--all", "--tiles"),
    ("--all", "--follow"),
    ("--all", "--one-file-system"),
    ("--all", "--no-ignore"),
    ("--all", "--hidden"),
)
"""Pairs of options; the second has no effect beside the first."""


class Update(NamedTuple):
    """Whether the index is updated before the answer, and for how long."""

    no_index: Annotated[
        bool, Option("--no-index -n", help="Use the index as it is, without updating it.")
    ] = False
    max_time: Annotated[
        float,
        Setting(
            "--max-time",
            metavar="SECONDS",
            min=0,
            help="Index for at most this long before answering; 0: no limit.",
        ),
    ] = 60.0
    tiles: Tiles = False


def index_settings(update: Update, walk: WalkSettings) -> IndexSettings | None:
    """Return the settings of the update, None for --no-index."""
    if update.no_index:
        return None
    max_seconds = update.max_time or None
    return IndexSettings(walk=walk, max_seconds=max_seconds, wait=False, tiles=update.tiles)


def searched_paths(typed: tuple[str, ...], sources: Sources, talk: Talk) -> list[bytes]:
    """Return the paths typed, and the listed ones that still exist. Raises UsageError."""
    paths = named_paths(typed, sources, talk)
    if any(sources):
        paths[len(typed) :] = still_there(paths[len(typed) :], talk)
    return paths


def tell_of_left_out(talk: Talk, *, stale: int, damaged: int) -> None:
    """Note how many pictures were left out because their file or their row has changed."""
    if stale:
        gone = counted(stale, "picture")
        talk.note(f"{gone} left out: gone, changed or out of reach since indexing")
    if damaged:
        talk.note(
            f"{counted(damaged, 'picture')} left out: damaged in the index; mend it with: "
            "clipfind doctor --repair, then clipfind index"
        )


def tell_of_indexing(report: "IndexReport", walk: WalkSettings, given: Given, talk: Talk) -> None:
    """Note the update's troubles, and how to index the rest if it did not finish."""
    patterns = standing_patterns(walk, given)
    if not report.seen and not report.out_of_reach:
        patterns += walk.glob  # a note of the answer has named them
    for trouble in without_unmatched(report, patterns).troubles:
        talk.note(said(trouble_sentence(trouble)))
    for sentence in left_out_sentences(report):
        talk.note(sentence)
    if report.failures and not talk.verbose:
        talk.note(unreadable_sentence(len(report.failures)))
    for failure in report.failures:
        talk.detail(said(trouble_sentence(failure)))
    talk.detail(index_sentence(report))
    if not report.finished:
        talk.note(f"to index the rest: {index_command(given)}")
