"""Reports of pruning, forgetting and checking, as text for people and as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict

from rclip_like.errors import Advice, counted
from rclip_like.output.matches import json_text
from rclip_like.output.reports import about_freed, joined, sized
from rclip_like.output.terminal import escaped, escaped_path
from rclip_like.reports import DoctorReport, UpkeepReport
from rclip_like.values import path_fields

MOST_FOLDERS = 10


def folder_lines(folders: Mapping[bytes, int], *, most: int = MOST_FOLDERS) -> Iterator[str]:
    """Yield folders with their counts, in the order given; beyond `most` how many more."""
    width = max((len(f"{number:,}") for number in folders.values()), default=0)
    for index, (folder, number) in enumerate(folders.items()):
        if index == most:
            rest = sum(list(folders.values())[most:])
            yield f"{rest:>{width},}  in {counted(len(folders) - most, 'more folder')}"
            return
        yield f"{number:>{width},}  {escaped_path(folder)}"


def upkeep_sentence(report: UpkeepReport) -> str:
    """Return one line on what was dropped, or would be."""
    models = f"{counted(len(report.models), 'model')} ({', '.join(map(escaped, report.models))})"
    dropped = joined(
        (report.files, counted(report.files, "file")),
        (report.failures, f"{report.failures:,} unreadable"),
        (report.roots, counted(report.roots, "walked folder")),
        (report.contents, f"{counted(report.contents, 'content')} that no file has"),
        (len(report.models), models),
        (report.embeddings, counted(report.embeddings, "embedding")),
        (report.texts, counted(report.texts, "remembered text")),
        (report.thumbnails, counted(report.thumbnails, "thumbnail")),
    )
    dropped = dropped or "nothing"
    in_doubt = sum(report.kept.values()) + sum(report.unreachable.values())
    kept = f"; {counted(in_doubt, 'file')} kept in doubt" if in_doubt else ""
    if report.is_dry_run:
        freed = about_freed(report.freed_bytes)
        return f"would be dropped: {dropped}{kept}; {freed} would come free"
    return f"dropped: {dropped}{kept}; {sized(report.freed_bytes)} freed"


def upkeep_notes(report: UpkeepReport) -> Iterator[str]:
    """Yield what else should be known: what is kept in doubt, what is not indexed, what waits."""
    away = "missing and kept, because their disk may not be mounted; 'clipfind forget' drops them"
    hidden = "cannot be looked at and are kept; check its permissions"
    for folders, state in ((report.kept, away), (report.unreachable, hidden)):
        for folder, number in folders.items():
            yield f"{escaped_path(folder)}: {counted(number, 'file')} below it {state}"
    yield from unknown_notes(report.unknown)
    if not report.is_short:
        yield "a search is still reading; the file gets smaller when it is done"


def unknown_notes(paths: Iterable[bytes]) -> Iterator[str]:
    """Yield one line a path under which nothing is indexed."""
    for path in paths:
        yield f"{escaped_path(path)}: nothing is indexed there"


def doctor_lines(
    report: DoctorReport, advised: Callable[[Sequence[Advice]], str], *, mended: bool = False
) -> Iterator[str]:
    """Yield what was repaired, and one line a finding: its state, its check, and the remedy.

    `advised` puts what would help into words. `mended` says that a repair was asked for, so that
    one without effect is mentioned, too.
    """
    for sentence in report.repaired:
        yield f"repaired  {escaped(sentence)}"
    if mended and not report.repaired:
        yield "repaired  nothing: there was nothing to mend"
    width = max(len(finding.check) for finding in report.findings)
    for finding in report.findings:
        text = escaped("; ".join(filter(None, (finding.text, advised(finding.remedies)))))
        yield f"{finding.state:<8}  {finding.check:<{width}}  {text}"


def doctor_object(report: DoctorReport, advised: Callable[[Sequence[Advice]], str]) -> str:
    """Return the report as one JSON object; `advised` puts what would help into words."""
    described = asdict(report)
    for finding in described["findings"]:
        finding["remedy"] = advised(finding.pop("remedies"))
    return json_text(described)


def upkeep_object(report: UpkeepReport) -> str:
    """Return the report as one JSON object; paths as `path_fields` has them."""
    described = asdict(report)
    for name in ("folders", "kept", "unreachable"):
        folders: Mapping[bytes, int] = getattr(report, name)
        described[name] = [{**path_fields(path), "files": n} for path, n in folders.items()]
    described["unknown"] = [path_fields(path) for path in report.unknown]
    return json_text(described)
