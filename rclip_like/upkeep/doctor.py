"""Doctor: all checks, one after the other, and the repair of what can be mended safely."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rclip_like.errors import ClipfindError
from rclip_like.reports import DoctorReport, Finding
from rclip_like.store.side_files import real_path
from rclip_like.upkeep import checks_of_files, checks_of_machine, checks_of_models, checks_of_rows
from rclip_like.upkeep.findings import problem
from rclip_like.upkeep.repair import repair

Check = Callable[[Path, str | None], Iterable[Finding]]
"""Given the path of the index and the model asked for, if any, what was found."""


@dataclass(frozen=True)
class NamedCheck:
    """One check under the name that its findings carry when it fails itself."""

    name: str
    run: Check


CHECKS = (
    NamedCheck("index", checks_of_rows.check_index),
    NamedCheck("rows", checks_of_rows.check_rows),
    NamedCheck("matrix", checks_of_rows.check_matrices),
    NamedCheck("files beside it", checks_of_files.check_side_files),
    NamedCheck("model", checks_of_models.check_default_model),
    NamedCheck("models", checks_of_models.check_models_of_index),
    NamedCheck("tokenizer", checks_of_models.check_tokenizer),
    NamedCheck("downloads", checks_of_models.check_downloads),
    NamedCheck("formats", checks_of_machine.check_readers),
    NamedCheck("packages", checks_of_machine.check_packages),
    NamedCheck("folders", checks_of_machine.check_folders),
)


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
    findings = [finding for check in CHECKS for finding in _run(check, database, model)]
    return DoctorReport(tuple(findings), repaired)


def _run(check: NamedCheck, database: Path, model: str | None) -> Iterator[Finding]:
    try:
        yield from check.run(database, model)
    except (ClipfindError, OSError) as error:
        remedies = error.remedies if isinstance(error, ClipfindError) else ()
        yield problem(check.name, str(error.args[0]) if remedies else str(error), *remedies)
