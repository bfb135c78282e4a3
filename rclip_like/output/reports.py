"""Reports of indexing, of what is indexed and of models, as text for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING

from rclip_like.errors import counted
from rclip_like.output.terminal import escaped, escaped_path
from rclip_like.values import INSTALL_VIDEO, path_fields

if TYPE_CHECKING:
    from rclip_like.reports import StatusReport, TextReport, ThumbnailReport
    from rclip_like.values import IndexReport, Trouble

_MOST_FOLDERS = 10
_MOST_REASONS = 3
_MOST_ENDINGS = 8
_UNITS = ("B", "kB", "MB", "GB", "TB")
_LEAST_ESTIMATE = 64_000
"""Smaller estimates mean nothing: an index file shrinks by whole pages of some kB in each table."""


def sized(size_bytes: float) -> str:
    """Return a size as people read it, in powers of a thousand: `605 MB`."""
    power = 0
    while size_bytes >= 999.5 and power < len(_UNITS) - 1:
        size_bytes, power = size_bytes / 1000, power + 1
    return f"{size_bytes:.3g} {_UNITS[power]}"


def about_freed(size_bytes: int) -> str:
    """Return an estimate of how much smaller an index file may get."""
    return f"about {sized(size_bytes)}" if size_bytes >= _LEAST_ESTIMATE else "little or nothing"


def joined(*parts: tuple[int, str]) -> str:
    """Return the texts whose number is not 0, between commas."""
    return ", ".join(text for number, text in parts if number)


def index_sentence(report: IndexReport) -> str:
    """Return one line that sums up an indexing run."""
    unreadable = report.failed + report.failed_before
    parts = joined(
        (1, f"{counted(report.seen, 'picture')}, {report.encoded:,} encoded"),
        (report.reused, f"{report.reused:,} known by content"),
        (report.verified, f"{report.verified:,} verified"),
        (report.reread, f"{report.reread:,} read again by corrected readers"),
        (report.words_read, f"captions read in {report.words_read:,}"),
        (report.tiled, f"{report.tiled:,} with tiles now"),
        (1, f"{report.unchanged:,} unchanged"),
        (len(report.altered), f"{len(report.altered):,} altered"),
        (report.removed, f"{report.removed:,} gone"),
        (unreadable, f"{unreadable:,} unreadable"),
        (len(report.out_of_reach), f"{len(report.out_of_reach):,} out of reach"),
        (
            report.passed_over,
            f"{counted(report.passed_over, 'raw file')} beside a picture passed over",
        ),
        (not report.finished, f"{report.remaining:,} still to do"),
    )
    return f"{parts}; {report.seconds:.1f} s"


def thumbnail_sentences(report: ThumbnailReport, most_megabytes: int) -> Iterator[str]:
    """Yield what there is of thumbnails, and why some are missing.

    most_megabytes: how many the cache may hold.
    """
    number = report.pictures - report.left - len(report.failures)
    there = f"{counted(number, 'thumbnail')}, {sized(report.size_bytes)}"
    yield f"{there}; {report.made:,} of them made now" if report.made else there
    if report.is_full and report.left:
        needed = 1 + round(most_megabytes * report.pictures / max(1, number))
        yield (
            f"{counted(report.left, 'picture')} left without thumbnail: the cache is full at "
            f"{most_megabytes:,} MB; --thumbnail-cache {needed} holds them all"
        )
    elif report.left:
        yield f"{counted(report.left, 'picture')} left without thumbnail; the next run continues"


def text_sentences(report: TextReport) -> Iterator[str]:
    """Yield in how many pictures text was read, and how many are left."""
    yield f"text read in {counted(report.read, 'picture')}, found in {report.with_text:,}"
    if report.left:
        yield f"{counted(report.left, 'picture')} left without; the next run continues"


def left_out_sentences(report: IndexReport) -> Iterator[str]:
    """Yield one line for each kind of file that a walk passed over without being asked to.

    Links are named only if there is nothing else: most of them lead to pictures found anyway.
    """
    if report.unread_formats:
        number = sum(report.unread_formats.values())
        formats = "a format that is" if number == 1 else "formats that are"
        kinds = [f"{count:,} {ending}" for ending, count in report.unread_formats.items()]
        shown = ", ".join(kinds[:_MOST_ENDINGS])
        more = len(kinds) - _MOST_ENDINGS
        rest = f" and {counted(more, 'more ending')}" if more > 0 else ""
        yield f"{counted(number, 'picture')} in {formats} not read: {shown}{rest}"
    if report.nomedia_folders:
        folders = counted(report.nomedia_folders, "folder")
        yield f"{folders} with a .nomedia file left out; --hidden includes their pictures"
    if report.unfollowed_links and not report.seen:
        yield f"{counted(report.unfollowed_links, 'link')} passed over; -L follows them"
    if report.dead_links and not report.seen:
        yield f"{counted(report.dead_links, 'link')} to missing files passed over"


def video_sentences(report: IndexReport) -> Iterator[str]:
    """Yield how many videos were left out, and how to find them, where no reader is installed."""
    if report.unread_videos:
        videos = counted(report.unread_videos, "video")
        yield f"{videos} left out; to include videos: {INSTALL_VIDEO}, then index again"


def trouble_sentence(trouble: Trouble) -> str:
    """Return one line on a file or folder that could not be used."""
    path = escaped_path(trouble.path)
    return f"{path}: {trouble.sentence}" if path else trouble.sentence


def unreadable_sentence(number: int) -> str:
    """Return one line on pictures that could not be read, and how to learn which."""
    return f"{counted(number, 'picture')} cannot be read; 'clipfind status -v' names them"


def status_lines(report: StatusReport, *, verbose: bool = False) -> Iterator[str]:
    """Yield what is indexed, as lines of text; `verbose` names what cannot be read."""
    yield f"{escaped(report.database)}  {sized(report.size_bytes)}"
    yield f"{counted(report.files, 'file')}, {report.contents:,} of them distinct"
    yield from _status_tables(report)
    yield from _counts_of_files(report)
    if report.names:
        yield f"{counted(report.names, 'name')} of your own; 'clipfind names list' shows them"
    yield from _word_counts(report)
    if report.left_contents:
        them = "it" if report.left_contents == 1 else "them"
        yield (
            f"{counted(report.left_contents, 'content')} without a file; "
            f"'clipfind prune' drops {them}, which frees {about_freed(report.freeable_bytes or 0)}"
        )
    if report.thumbnails:
        yield (
            f"{counted(report.thumbnails, 'thumbnail')}, {sized(report.thumbnail_bytes or 0)}; "
            "'clipfind prune --thumbnails' deletes them"
        )
    if verbose:
        yield from (f"  {trouble_sentence(trouble)}" for trouble in report.unreadable)


def _status_tables(report: StatusReport) -> Iterator[str]:
    """Yield tables of the models, of the folders, and of what cannot be read."""
    models = [
        {
            "files": model["files"],
            "not encoded": model["missing"],
            "dimension": model["dimension"],
            "fingerprint": model["fingerprint"][:12],
            "model": model["name"],
        }
        for model in report.models
    ]
    yield from _section("Models", models)
    roots = [
        {
            "files": root["files"],
            "last walked": datetime.fromtimestamp(root["walked_at_ns"] // 10**9).isoformat(" "),
            "folder": escaped_path(root["path"]),
        }
        for root in report.roots
    ]
    yield from _section("Folders, a file counted in the innermost", roots)
    if unfinished := report.files - sum(int(root["files"]) for root in roots):
        files = counted(unfinished, "file")
        yield f"{files} in folders that no run has walked to the end yet"
    failures = [{"files": number, "reason": reason} for reason, number in report.failures.items()]
    yield from _section("Unreadable", failures)
    yield from _section("Unreadable by folder", _folder_rows(report.unreadable_folders))


def _counts_of_files(report: StatusReport) -> Iterator[str]:
    """Yield how many files are not shown or lack something, and how many searches are saved."""
    if report.raw_pairs:
        yield (
            f"{counted(report.raw_pairs, 'raw file')} beside a JPEG or HEIC of the same name, "
            "shown with --raw-pairs only"
        )
    if report.videos:
        frames = counted(report.video_frames, "frame")
        yield f"{counted(report.videos, 'video')}, found by {frames}"
    if report.undated:
        files = counted(report.undated, "file")
        yield f"{files} without a date, which --on, --after and --before leave out"
    if report.hidden:
        yield (
            f"{counted(report.hidden, 'file')} hidden from searches; "
            "'clipfind hide --list' names them all"
        )
    if report.saved:
        searches = "1 saved search" if report.saved == 1 else f"{report.saved:,} saved searches"
        yield f"{searches}; 'clipfind saved list' shows what is searched"


def _word_counts(report: StatusReport) -> Iterator[str]:
    """Yield how many pictures have words, and how many are still to be read."""
    if report.with_captions:
        yield f"{counted(report.with_captions, 'picture')} with captions or keywords"
    if report.captions_unread:
        unread = counted(report.captions_unread, "picture")
        yield f"{unread} whose captions were never read; 'clipfind index' reads them"
    if report.texts_read or report.texts_failed:
        further = [
            f"{number:,} {what}"
            for number, what in (
                (report.texts_failed, "could not be read"),
                (report.texts_unread, "still to be read"),
            )
            if number
        ]
        yield "; ".join(
            (
                f"text read in {counted(report.texts_read, 'picture')}, "
                f"found in {report.with_text:,}",
                *further,
            )
        )


def status_object(report: StatusReport) -> str:
    """Return what is indexed as one JSON object; paths as `path_fields` has them."""
    from rclip_like.output.matches import json_text  # with all that writes matches

    described = asdict(report)
    described["roots"] = [
        {**root, **path_fields(bytes(root["path"]))} for root in described["roots"]
    ]
    described["unreadable_folders"] = [
        {**path_fields(folder), "files": sum(reasons.values()), "reasons": reasons}
        for folder, reasons in report.unreadable_folders.items()
    ]
    described["unknown"] = [path_fields(path) for path in report.unknown]
    described["unreadable"] = [
        {**path_fields(trouble.path), "reason": trouble.reason} for trouble in report.unreadable
    ]
    return json_text(described)


def _folder_rows(folders: Mapping[bytes, Mapping[str, int]]) -> list[dict[str, object]]:
    """Return the folders with the most unreadable files, each with its most frequent reasons."""
    rows: list[dict[str, object]] = []
    for folder, reasons in list(folders.items())[:_MOST_FOLDERS]:
        number, path = sum(reasons.values()), escaped_path(folder)
        rows.append({"files": number, "reasons": _reasons(reasons), "folder": path})
    if rest := list(folders.values())[_MOST_FOLDERS:]:
        number = sum(sum(reasons.values()) for reasons in rest)
        more = f"in {counted(len(rest), 'more folder')}; --json has all"
        rows.append({"files": number, "reasons": None, "folder": more})
    return rows


def _reasons(reasons: Mapping[str, int]) -> str:
    """Return the reasons, the most frequent first; of several each with its number of files."""
    if len(reasons) == 1:
        return next(iter(reasons))
    shown = [f"{reason} ({number:,})" for reason, number in reasons.items()]
    more = counted(len(shown) - _MOST_REASONS, "more reason") if len(shown) > _MOST_REASONS else ""
    return ", ".join(filter(None, (*shown[:_MOST_REASONS], more)))


def table(rows: Sequence[Mapping[str, object]]) -> Iterator[str]:
    """Yield rows of equal keys as columns under their names; numbers stand to the right."""
    if not rows:
        return

    def cell(value: object) -> str:
        if value is None:
            return "-"
        return f"{value:,}" if isinstance(value, int) else escaped(str(value))

    columns = [[str(key), *(cell(row.get(key)) for row in rows)] for key in rows[0]]
    widths = [max(map(len, column)) for column in columns]
    rights = [isinstance(value, int) for value in rows[0].values()]
    for cells in zip(*columns, strict=True):
        padded = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(cells, widths, rights, strict=True)
        )
        yield "  ".join(padded).rstrip()


def _section(title: str, rows: Sequence[Mapping[str, object]]) -> Iterator[str]:
    if rows:
        yield title
        yield from (f"  {line}" for line in table(rows))
