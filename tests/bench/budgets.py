"""The budgets, all in one table, and what is over them."""

from __future__ import annotations

from dataclasses import dataclass

RCLIP = "rclip 4.0.8"


@dataclass(frozen=True)
class Budget:
    """What is measured, in which unit, against what, and what it may come to.

    The limit is one of the ratio to the reference, or with `absolute` of the figure itself;
    None: measured for the record. `least`: the limit is not to be fallen below.
    """

    what: str
    unit: str
    against: str = RCLIP
    limit: float | None = None
    least: bool = False
    absolute: bool = False

    def is_met(self, value: float, reference: float | None) -> bool | None:
        """Return whether a figure is within; None where there is nothing to judge it by."""
        judged = value if self.absolute else ratio(value, reference)
        if self.limit is None or judged is None:
            return None
        return judged >= self.limit if self.least else judged <= self.limit

    def in_words(self) -> str:
        """Return the limit as one reads it in a table."""
        if self.limit is None:
            return ""
        unit = f" {self.unit}" if self.absolute else " x"
        return f"{'>=' if self.least else '<='} {self.limit:g}{unit}"


def ratio(value: float, reference: float | None) -> float | None:
    """Return how many times the reference a figure is; None without one."""
    return value / reference if reference else None


NEW = "text query of a new wording, 1,000 rows, same model"

BUDGETS: dict[str, Budget] = {
    "help": Budget("`--help`", "s", limit=1.0),
    "query": Budget(NEW, "s", limit=0.5),
    "query-cpu": Budget(f"{NEW}: processor time", "s", limit=0.5),
    "query-memory": Budget(f"{NEW}: private memory", "MB", limit=0.5),
    "query-builtin": Budget("text query with `builtin`, 1,000 rows", "s", limit=0.4),
    "query-again": Budget("a wording asked before", "s", limit=0.35),
    "rows-1000": Budget("text query over 1,000 rows", "s"),
    "rows-10000": Budget("new text query over 10,000 rows", "s"),
    "rows-100000": Budget("new text query over 100,000 rows", "s", limit=0.25),
    "rows-100000-memory": Budget(
        "new text query over 100,000 rows: private memory", "MB", limit=250, absolute=True
    ),
    "rows-1000000": Budget("new text query over 1,000,000 rows", "s", limit=0.15),
    "rows-1000000-memory": Budget(
        "new text query over 1,000,000 rows: private memory", "MB", limit=250, absolute=True
    ),
    "filters": Budget(
        "the slowest filter over 1,000,000 rows: processor time", "s", "no filter", limit=1.05
    ),
    "page": Budget(
        "new words on the page, 100,000 rows, `builtin`, first 100 results: processor time",
        "s",
        limit=0.05,
        absolute=True,
    ),
    "index": Budget("indexing 2400x1800 JPEGs, same model", "photos/s", limit=1.5, least=True),
    "index-fp32": Budget(
        "indexing 2400x1800 JPEGs, same model, no bf16 here", "photos/s", limit=0.9, least=True
    ),
    "index-builtin": Budget("indexing them with `builtin`", "photos/s", limit=5.0, least=True),
    "pipeline": Budget("pipeline, `builtin`", "photos/s", "its own limits", limit=0.85, least=True),
    "pipeline-same": Budget(
        "pipeline, same model", "photos/s", "its own limits", limit=0.85, least=True
    ),
    "unchanged": Budget("re-index of unchanged files", "s", "a bare walk", limit=2.0),
    "growth": Budget(
        "growth from 1,000 to 20,000 photos", "photos/s", "1,000 photos", limit=0.95, least=True
    ),
    "classify": Budget(
        "10,000 indexed pictures into 100 labels, beside the texts: processor time",
        "s",
        limit=2.0,
        absolute=True,
    ),
    "classify-memory": Budget("the same: private memory", "MB", "1,000 pictures", limit=1.25),
    "train": Budget("training step, same model", "pairs/s", "open_clip", limit=1.05, least=True),
    "program": Budget(
        "all of a training, small ViT, 256 photos, 5 epochs",
        "pairs/s",
        "open_clip's own program",
        limit=1.05,
        least=True,
    ),
    "program-cpu": Budget(
        "the same by processor time",
        "pairs/s",
        "open_clip's own program",
        limit=1.05,
        least=True,
    ),
    "pieces-vit": Budget(
        "a step of 512 pairs in pieces of 32, small ViT: memory",
        "MB",
        "a step of 32",
        limit=1.3,
    ),
    "pieces-builtin": Budget(
        "a step of 256 pairs in pieces of 32, all of `builtin`: memory",
        "MB",
        "a step of 32",
        limit=1.3,
    ),
    "pieces-largest": Budget(
        "a step of 32,768 pairs, tiny model: memory", "MB", limit=2_000, absolute=True
    ),
}
"""By the name that `--only` takes."""
