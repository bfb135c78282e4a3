"""Sets in tables: CSV, TSV and JSON lines; each line has a picture and its label or captions."""

from __future__ import annotations

import csv
import io
import json
import os
from codecs import BOM_UTF16_BE, BOM_UTF16_LE, BOM_UTF32_LE
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple, TypeAlias

from rclip_like.data.captions import MOST_LABEL, WRONG_ENCODING
from rclip_like.data.class_names import name_labels, named
from rclip_like.data.examples import Example, PictureSet
from rclip_like.data.splits import chosen_split, own_name
from rclip_like.errors import DataError, ModelError
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

Record: TypeAlias = Mapping[str, Any]
"""A line of a table, by the lower-case names of its columns."""


class _Line(NamedTuple):
    """The fields of a line; `file` is as written, `split` is its `own_name`."""

    file: str
    label: str | None
    captions: tuple[str, ...]
    split: str | None


def open_table(path: Path, class_names: tuple[str, ...], split: str | None) -> PictureSet:
    """Return the set of the pictures that a table names by paths relative to its folder.

    A picture may have several lines: its captions are joined. If the lines name splits, only those
    of `split` count, and all of them if that is None. Raises DataError for a file that is not such
    a table, for a missing split, and if `class_names` do not fit.
    """
    lines: list[_Line] = []
    troubles: list[Trouble] = []
    for line in _parsed_lines(path):
        if isinstance(line, _Line):
            lines.append(line)
        else:
            troubles.append(line)
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
    return PictureSet(path.name, labels, (), lambda: iter(every), len(every), splits)


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


def _parsed_lines(path: Path) -> Iterator[_Line | Trouble]:
    number = 1
    try:
        with open_regular(path, _TABLE_BYTES) as file, _text_of(file) as stream:
            for number, record in _records(path, stream):
                here = os.fsencode(f"{path}:{number}")
                if isinstance(record, str):
                    yield Trouble(here, record)
                    continue
                try:
                    yield _parsed(record)
                except ValueError as error:
                    yield Trouble(here, str(error))
    except ModelError:
        raise DataError(f"{path} is not a regular file of 1 GiB at most") from None
    except (UnicodeError, csv.Error, _TooLong) as error:
        reason = WRONG_ENCODING if isinstance(error, UnicodeError) else str(error)
        yield Trouble(os.fsencode(path), f"cannot be read beyond line {number:,}: {reason}")


class _TooLong(Exception):
    """A line has more than `_MOST_LINE` characters."""


def _text_of(file: BinaryIO) -> io.TextIOWrapper:
    begun = file.read(4)
    file.seek(0)
    is_utf16 = begun.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) and begun != BOM_UTF32_LE
    # On Linux a file's name may be any bytes.
    encoding, errors = ("utf-16", "strict") if is_utf16 else ("utf-8-sig", "surrogateescape")
    return io.TextIOWrapper(file, encoding, errors, newline="")


def _records(path: Path, stream: io.TextIOWrapper) -> Iterator[tuple[int, Record | str]]:
    """Yield line numbers, each with the line's record or with the reason why it cannot be read.

    Raises DataError for a table without the columns needed, and UnicodeError, csv.Error and
    _TooLong where it cannot be read further.
    """
    lines = _lines(stream)
    first = next(lines, "")
    if "\0" in first:
        raise DataError(f"{path} {WRONG_ENCODING}")
    if path.name.lower().endswith(JSON_ENDINGS):
        record = _object_in(first)
        _require_columns(path, {} if isinstance(record, str) else record)
        yield 1, record
        for number, line in enumerate(lines, 2):
            if line.strip():
                yield number, _object_in(line)
        return
    delimiter, header = _header_of(first)
    _require_columns(path, dict.fromkeys(header, ""))
    reader = csv.reader(lines, delimiter=delimiter, skipinitialspace=delimiter != "\t")
    for row in reader:
        if row:
            yield reader.line_num + 1, _row_of(header, row, delimiter)


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


def _header_of(line: str) -> tuple[str, list[str]]:
    """Return the delimiter that gives the most known columns, and the columns in lower case."""
    headers = {
        delimiter: [name.strip().lower() for name in next(csv.reader([line], delimiter=delimiter))]
        for delimiter in _DELIMITERS
        if line.strip()
    }
    if not headers:
        return ",", []
    every = {name for names in _COLUMNS.values() for name in names}
    return max(headers.items(), key=lambda item: len(every.intersection(item[1])))


def _row_of(header: list[str], row: list[str], delimiter: str) -> Record | str:
    if len(row) > len(header) and header[-1] in _COLUMNS["caption"]:
        # A caption may contain commas without quotation marks.
        row = [*row[: len(header) - 1], f"{delimiter} ".join(row[len(header) - 1 :])]
    if len(row) != len(header):
        return f"has {len(row)} fields, but the first line has {len(header)}"
    return dict(zip(header, row, strict=True))


def _require_columns(path: Path, record: Record) -> None:
    """Raise DataError unless there is a column for the picture and one for a label or captions."""
    found = {kind: name for kind in _COLUMNS if (name := _column(record, kind)) is not None}
    missing = [
        f"the {what} ({', '.join(name for kind in kinds for name in _COLUMNS[kind])})"
        for what, kinds in (
            ("picture", ("file",)),
            ("label or the caption", ("label", "caption")),
        )
        if not found.keys() & set(kinds)
    ]
    if missing:
        columns = ", ".join(map(shown, record)) or "no columns"
        raise DataError(
            f"{path}: there is no column for {' nor for '.join(missing)}; the first line has "
            f"{columns}"
        )


def _parsed(record: Record) -> _Line:
    """Return the fields of a record. Raises ValueError, which says what is wrong with it."""
    file = _file_of(record)
    label, captions = _label_of(record), _captions_of(record)
    if label is None and not captions:
        raise ValueError("has neither a label nor a caption")
    split = _value(record, "split")
    own = own_name(split.strip().lower()) if isinstance(split, str) else None
    return _Line(file, label, captions, own)


def _file_of(record: Record) -> str:
    file = _value(record, "file")
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


def _label_of(record: Record) -> str | None:
    label = _value(record, "label")
    if isinstance(label, int) and not isinstance(label, bool):
        label = str(label)
    if label is None or (isinstance(label, str) and not label.strip()):
        return None
    if not isinstance(label, str) or not label.strip().isprintable() or len(label) > MOST_LABEL:
        raise ValueError("its label is not text in UTF-8")
    return label.strip()


def _captions_of(record: Record) -> tuple[str, ...]:
    value = _value(record, "caption")
    captions = value if isinstance(value, list) else [value]
    found = []
    for caption in captions:
        if caption is None:
            continue
        if not isinstance(caption, str):
            raise ValueError("its caption is not text")
        try:
            caption.encode()
        except UnicodeError:
            raise ValueError("its caption is not UTF-8") from None
        if caption.strip():
            found.append(" ".join(caption.split()))
    return tuple(found)


def _value(record: Record, kind: str) -> Any:
    column = _column(record, kind)
    return None if column is None else record[column]


def _column(record: Record, kind: str) -> str | None:
    return next((name for name in _COLUMNS[kind] if name in record), None)
