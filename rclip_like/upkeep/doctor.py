"""Doctor: all checks, one after the other, and the repair of what can be mended safely."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from rclip_like.errors import ClipfindError
from rclip_like.reports import PROBLEM, DoctorReport, Finding
from rclip_like.store.side_files import real_path
from rclip_like.upkeep import checks_of_index, checks_of_machine, models
from rclip_like.upkeep.repair import repair

Check = Callable[[Path, str | None], Iterable[Finding]]
"""Given the path of the index and the model asked for, if any, what was found."""


CHECKS: Mapping[str, Check] = {
    "index": checks_of_index.check_index,
    "rows": checks_of_index.check_rows,
    "matrix": checks_of_index.check_matrices,
    "words": checks_of_index.check_words,
    "names": checks_of_index.check_names,
    "files beside it": checks_of_index.check_side_files,
    "model": models.check_default_model,
    "models": models.check_models_of_index,
    "tokenizer": models.check_tokenizer,
    "downloads": models.check_downloads,
    "formats": checks_of_machine.check_readers,
    "text": checks_of_machine.check_text,
    "packages": checks_of_machine.check_packages,
    "folders": checks_of_machine.check_folders,
    "thumbnails": checks_of_machine.check_thumbnails,
}


def examine(
    database: Path,
    model: str | None,
    *,
    mend: bool = False,
    on_wait: Callable[[], None] | None = None,
) -> DoctorReport:
    """Return what all checks find; with `mend`, after repairing what is safe, under the lock.

    Without it no row changes. A check that fails becomes a problem, and the next one runs.
    Raises StoreError when a sound file's rows are to be mended and there is no room for the copy.
    """
    database = real_path(database)
    repaired = tuple(repair(database, on_wait)) if mend else ()
    findings = [finding for name in CHECKS for finding in _run(name, database, model)]
    return DoctorReport(tuple(findings), repaired)


def _run(name: str, database: Path, model: str | None) -> Iterator[Finding]:
    try:
        for finding in CHECKS[name](database, model):
            yield replace(finding, check=name)
    except (ClipfindError, OSError) as error:
        remedies = error.remedies if isinstance(error, ClipfindError) else ()
        text = str(error.args[0]) if remedies else str(error)
        yield Finding(name, text, PROBLEM, remedies)
