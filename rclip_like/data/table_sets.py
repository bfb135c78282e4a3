"""Sets in tables: CSV, TSV and JSON lines; each line has a picture and its label or captions."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from codecs import BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_LE
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeAlias

from rclip_like.data.captions import MOST_LABEL, WRONG_ENCODING, captions_in
from rclip_like.data.class_names import name_labels, named
from rclip_like.data.examples import Example, PictureSet
from rclip_like.data.options import PairOptions
from rclip_like.data.splits import chosen_split, own_name
from rclip_like.errors import DataError, ModelError, Remedy
from rclip_like.models.regular import open_regular, shown
from rclip_like.values import Trouble

JSON_ENDINGS = (".jsonl", ".ndjson")
TABLE_ENDINGS = (".csv", ".tsv", *JSON_ENDINGS, ".txt")
_COLUMNS = {
    "file": ("file", "path", "image", "filename", "file_name", "filepath", "image_path"),
    "label": ("label", "class", "category", "labels", "class_name"),
    "caption": ("caption", "captions", "text", "title", "sentence"),
    "split": ("split",),
}
"""The names of each column, in any case; the first that is there counts."""
_DELIMITERS = ",\t;|"
_TABLE_BYTES = 1 << 30
_MOST_LINE = 1 << 20
_PICTURE_FOLDERS = ("", "images", "Images")
"""The folders, relative to the table's, that are searched for pictures; Flickr8k has Images."""

_NOT_A_CAPTION = "nan"
"""In any case; what pandas writes for a cell without a value."""

Record: TypeAlias = Mapping[str, Any]
"""A line of a table, by the lower-case names of its columns."""
Columns: TypeAlias = Mapping[str, tuple[str, ...]]
"""The names that a column of each kind may have, as in _COLUMNS."""


class _Line(NamedTuple):
    """The fields of a line; `file` is as written, `split` is its `own_name`."""

    file: str
    label: str | None
    captions: tuple[str, ...]
    split: str | None


def open_table(
    path: Path,
    class_names: tuple[str, ...],
    split: str | None,
    options: PairOptions | None = None,
) -> PictureSet:
    """Return the set of the pictures that a table names by paths relative to its folder.

    A picture may have several lines: its captions are joined. If the lines name splits, only those
    of `split` count, and all of them if that is None. Raises DataError for a file that is not such
    a table, for a missing split or column, and if `class_names` do not fit. options: None if the
    user cannot name columns.
    """
    columns = _columns(options or PairOptions())
    try:
        parsed = list(_parsed_lines(path, columns))
    except _NoColumn as error:
        raise DataError(str(error), *([] if options is None else [Remedy.NAME_COLUMNS])) from None
    lines = [line for line in parsed if isinstance(line, _Line)]
    troubles = [line for line in parsed if isinstance(line, Trouble)]
    splits = tuple(dict.fromkeys(line.split for line in lines if line.split))
    if splits and split is not None:
        chosen = chosen_split(path, split, splits)
        lines = [line for line in lines if line.split == chosen]
    examples, conflicts = _joined(lines, path.parent)
    troubles += conflicts
    if not examples:
        first = f"; the first: {troubles[0].reason}" if troubles else ""
        raise DataError(f"{path} names no picture that can be used{first}")
    found = [example.label for example in examples if example.label is not None]
    labels, names = name_labels(found, class_names) if found else ((), {})
    every = [*(named(example, names) for example in examples), *troubles]
    return PictureSet(
        path.name,
        labels,
        (),
        lambda: iter(every),
        len(every),
        splits,
        format="a table of pictures",
        is_table=True,
        has_captions=any(example.captions for example in examples),
    )


def is_table(path: Path) -> bool:
    """Tell whether the first line of a text file names the columns of a table."""
    try:
        with open_regular(path, _TABLE_BYTES) as file, _text_of(file) as stream:
            _, header = _header_of(stream.readline(_MOST_LINE), _COLUMNS)
    except (OSError, UnicodeError, ModelError, csv.Error):
        return False
    found = {kind for kind in _COLUMNS if _column(dict.fromkeys(header), _COLUMNS[kind])}
    return "file" in found and not found.isdisjoint(("label", "caption"))


def _columns(options: PairOptions) -> Columns:
    chosen = {"file": options.image_column, "caption": options.caption_column}
    asked = {kind: (name.strip().lower(),) for kind, name in chosen.items() if name is not None}
    return {**_COLUMNS, **asked}


def _joined(lines: Iterable[_Line], folder: Path) -> tuple[list[Example], list[Trouble]]:
    """Return one example per picture, and a Trouble for each picture with two labels."""
    examples: dict[str, Example] = {}
    conflicts: dict[str, Trouble] = {}
    base = None
    for line in lines:
        if base is None:
            base = next(
                (
                    os.path.join(folder, inner)
                    for inner in _PICTURE_FOLDERS
                    if os.path.lexists(os.path.join(folder, inner, line.file))
                ),
                str(folder),
            )
        name = os.path.normpath(os.path.join(base, line.file))
        before = examples.get(name, Example(name))
        label = before.label if line.label is None else line.label
        if before.label not in (None, label):
            reason = f"has two labels, {shown(before.label)} and {shown(label)}"
            conflicts[name] = Trouble(os.fsencode(name), reason)
        examples[name] = Example(name, before.captions + line.captions, label)
    kept = [example for name, example in examples.items() if name not in conflicts]
    return kept, list(conflicts.values())


def _parsed_lines(path: Path, columns: Columns) -> Iterator[_Line | Trouble]:
    number = 1
    try:
        with open_regular(path, _TABLE_BYTES) as file, _text_of(file) as stream:
            for number, record in _records(path, stream, columns):
                here = os.fsencode(f"{path}:{number}")
                if isinstance(record, str):
                    yield Trouble(here, record)
                    continue
                try:
                    yield _parsed(record, columns)
                except ValueError as error:
                    yield Trouble(here, str(error))
    except ModelError:
        raise DataError(f"{path} is not a regular file of 1 GiB at most") from None
    except (UnicodeError, csv.Error, _TooLong) as error:
        reason = WRONG_ENCODING if isinstance(error, UnicodeError) else str(error)
        yield Trouble(os.fsencode(path), f"cannot be read beyond line {number:,}: {reason}")


class _NoColumn(Exception):
    """The table lacks a column that is needed."""


class _TooLong(Exception):
    """A line has more than `_MOST_LINE` characters."""


def _text_of(file: BinaryIO) -> io.TextIOWrapper:
    first_bytes = file.read(4)
    file.seek(0)
    is_utf16 = first_bytes.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) and first_bytes != BOM_UTF32_LE
    # On Linux a file's name may be any bytes.
    encoding, errors = ("utf-16", "strict") if is_utf16 else ("utf-8-sig", "surrogateescape")
    return io.TextIOWrapper(file, encoding, errors, newline="")


def _records(
    path: Path, stream: io.TextIOWrapper, columns: Columns
) -> Iterator[tuple[int, Record | str]]:
    """Yield line numbers, each with the line's record or with the reason why it cannot be read.

    Raises _NoColumn for a table without the columns needed, DataError for another encoding, and
    UnicodeError, csv.Error and _TooLong where it cannot be read further.
    """
    lines = _lines(stream)
    first = next(lines, "")
    if "\0" in first:
        raise DataError(f"{path} {WRONG_ENCODING}")
    if path.name.lower().endswith(JSON_ENDINGS):
        record = _object_in(first)
        _require_columns(path, {} if isinstance(record, str) else record, columns)
        yield 1, record
        for number, line in enumerate(lines, 2):
            if line.strip():
                yield number, _object_in(line)
        return
    delimiter, header = _header_of(first, columns)
    _require_columns(path, dict.fromkeys(header, ""), columns)
    for number, row in _rows(lines, delimiter):
        if row:
            yield number, row if isinstance(row, str) else _row_of(header, row, delimiter, columns)


def _rows(lines: Iterator[str], delimiter: str) -> Iterator[tuple[int, list[str] | str]]:
    """Yield the rows below the first line, each with its last line's number; a str is a reason.

    A quotation mark that opens a field and is not closed in it would take in the rows that follow,
    up to the next mark. So only a row of one line may have text behind a closing mark.
    """
    read: list[str] = []

    def noted() -> Iterator[str]:
        for line in lines:
            read.append(line)
            yield line

    style: dict[str, Any] = {"delimiter": delimiter, "skipinitialspace": delimiter != "\t"}
    reader = csv.reader(noted(), strict=True, **style)
    while True:
        read.clear()
        row: list[str] | str
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "larger than" in str(error):
                raise
            if len(read) == 1:
                row = next(csv.reader(read, **style))
            else:
                row = f"is the last of {len(read)} lines after a quotation mark that is not closed"
        yield reader.line_num + 1, row


def _lines(stream: io.TextIOWrapper) -> Iterator[str]:
    while line := stream.readline(_MOST_LINE):
        if len(line) == _MOST_LINE:
            raise _TooLong("the line is too long")
        yield line


def _object_in(line: str) -> Record | str:
    try:
        parsed = json.loads(line)
    except (ValueError, RecursionError):
        return "is not JSON that can be read"
    if not isinstance(parsed, dict):
        return "holds no JSON object"
    return {key.strip().lower(): value for key, value in parsed.items()}


def _header_of(line: str, columns: Columns) -> tuple[str, list[str]]:
    """Return the delimiter that gives the most of these columns, and all columns in lower case."""
    headers = {
        delimiter: [name.strip().lower() for name in next(csv.reader([line], delimiter=delimiter))]
        for delimiter in _DELIMITERS
        if line.strip()
    }
    if not headers:
        return ",", []
    every = {name for names in columns.values() for name in names}
    return max(headers.items(), key=lambda item: len(every.intersection(item[1])))


def _row_of(header: list[str], row: list[str], delimiter: str, columns: Columns) -> Record | str:
    if len(row) > len(header) and header[-1] in columns["caption"]:
        # A caption may contain commas without quotation marks.
        row = [*row[: len(header) - 1], f"{delimiter} ".join(row[len(header) - 1 :])]
    if len(row) != len(header):
        return f"has {len(row)} fields, but the first line has {len(header)}"
    return dict(zip(header, row, strict=True))


def _require_columns(path: Path, record: Record, columns: Columns) -> None:
    """Raise _NoColumn unless there is a column for the picture and one for a label or captions.

    A column that the user asks for must be there, too.
    """
    found = {kind for kind, names in columns.items() if _column(record, names) is not None}
    kinds_needed = [("picture", ("file",)), ("label or the caption", ("label", "caption"))]
    if columns["caption"] != _COLUMNS["caption"]:
        kinds_needed[1] = ("caption", ("caption",))
    missing = [
        f"the {what} ({', '.join(name for kind in kinds for name in columns[kind])})"
        for what, kinds in kinds_needed
        if found.isdisjoint(kinds)
    ]
    if missing:
        there = ", ".join(map(shown, record)) or "no columns"
        raise _NoColumn(
            f"{path}: there is no column for {' nor for '.join(missing)}; the first line has "
            f"{there}"
        )


def _parsed(record: Record, columns: Columns) -> _Line:
    """Return the fields of a record. Raises ValueError, which says what is wrong with it."""
    file = _file_of(_value(record, columns["file"]))
    label = _label_of(_value(record, columns["label"]))
    captions = _captions_of(_value(record, columns["caption"]))
    if label is None and not captions:
        raise ValueError("has neither a label nor a caption")
    split = _value(record, columns["split"])
    own = own_name(split.strip().lower()) if isinstance(split, str) else None
    return _Line(file, label, captions, own)


def _file_of(file: object) -> str:
    if not isinstance(file, str) or not file.strip():
        raise ValueError("does not name a picture")
    file = file.strip()
    if "://" in file:
        raise ValueError("names a web address, but only files are read")
    try:
        if b"\0" in os.fsencode(file):
            raise ValueError("names a path with a NUL, which no file can have")
    except UnicodeError:
        raise ValueError("names a path that is not Unicode") from None
    return file


def _label_of(label: object) -> str | None:
    if isinstance(label, int) and not isinstance(label, bool):
        label = str(label)
    if label is None or (isinstance(label, str) and not label.strip()):
        return None
    if not isinstance(label, str) or not label.strip().isprintable() or len(label) > MOST_LABEL:
        raise ValueError("its label is not text in UTF-8")
    return label.strip()


def _captions_of(value: object) -> tuple[str, ...]:
    captions = captions_in(None if isinstance(value, float) and math.isnan(value) else value)
    return tuple(caption for caption in captions if caption.casefold() != _NOT_A_CAPTION)


def _value(record: Record, names: Sequence[str]) -> Any:
    column = _column(record, names)
    return None if column is None else record[column]


def _column(record: Record, names: Sequence[str]) -> str | None:
    return next((name for name in names if name in record), None)
