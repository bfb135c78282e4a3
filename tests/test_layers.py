"""Imports go down only, heavy ones stay in their rooms, and files stay readable (style.md)."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "rclip_like"

# Top to bottom. Rooms in one row do not know each other, but for PAIRS.
ROWS = (
    ("__init__", "__main__", "builtin"),
    ("cli", "output", "page"),
    ("library",),
    ("index", "search", "classify", "probe", "measure", "train", "upkeep")
    + ("duplicates", "interchange"),
    ("evaluate", "data", "query", "filing", "facts"),
    ("walk", "images", "ranking", "store", "models"),
    ("reports", "selected", "tiles"),
    ("values", "settings", "errors", "telemetry", "spelling", "files", "places"),
)
RANKS = {room: rank for rank, row in enumerate(ROWS) for room in row}
PAIRS = {
    *(("cli", "output"), ("cli", "page"), ("page", "output")),
    *(("values", "errors"), ("values", "places")),
    *(("settings", "errors"), ("settings", "files")),
}

TORCH_ROOMS = ("models/towers/torch", "train/", "builtin/recipe/")
ALLOWED = {
    "onnxruntime": ("models/towers/onnx_graph.py",),
    "onnx": ("models/graphs/",),
    "torch": TORCH_ROOMS,
    "torchvision": TORCH_ROOMS,
    "open_clip": TORCH_ROOMS,
    "timm": TORCH_ROOMS,
    "sqlite3": ("store/",),
    "sqlite_utils": ("store/",),
    "jinja2": ("page/",),
    "pyarrow": ("interchange/parquet.py",),
    "matplotlib": ("output/charts.py",),
    "rich": ("output/",),
    "starlette": ("page/",),
    "uvicorn": ("page/",),
    "scipy": ("evaluate/",),
    "sklearn": ("evaluate/",),
    "huggingface_hub": ("models/hub/client.py", "models/hub/cache.py", "models/hub/limits.py"),
}
SHAPELESS_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "misc"}
OPTION_OR_COMMAND = re.compile(
    r"(?:^|[\s('`])--[a-z]"
    r"|\bclipfind (?:index|search|status|prune|forget|doctor|models|train|formats)\b"
)
STORED = {("models/names.py", " --weights ")}
"""What an index keeps in this form."""
BESIDE_THE_PACKAGE = ("builtin/recipe/", "models/graphs/")
"""Programs of their own, which are not installed."""
MAX_LINES_FILE = 400
MAX_LINES_FUNCTION = 80


@dataclass(frozen=True)
class Import:
    """One module named by an import statement, absolute, and the line that names it."""

    module: str
    line: int


def _modules() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def _name(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def _room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes(), filename=str(path))


def _imports(path: Path) -> Iterator[Import]:
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            yield from (Import(alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            origin = _absolute(path, node)
            yield Import(origin, node.lineno)
            # `from rclip_like import search` names a room after the word import.
            yield from (Import(f"{origin}.{alias.name}", node.lineno) for alias in node.names)


def _absolute(path: Path, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    parents = (PACKAGE.name, *path.relative_to(PACKAGE).parts[:-1])
    kept = parents[: len(parents) - node.level + 1]
    return ".".join((*kept, node.module) if node.module else kept)


def _may_import(room: str, other: str) -> bool:
    return room == other or RANKS[room] < RANKS[other] or (room, other) in PAIRS


def _rooms_imported(path: Path) -> Iterator[tuple[str, int]]:
    for found in _imports(path):
        package, _, rest = found.module.partition(".")
        room = rest.partition(".")[0]
        if package == PACKAGE.name and room in RANKS:
            yield room, found.line


@pytest.mark.parametrize("path", _modules(), ids=_name)
def test_imports_go_down_only(path: Path) -> None:
    climbing = [
        f"{_name(path)}:{line} imports {other}"
        for other, line in _rooms_imported(path)
        if not _may_import(_room(path), other)
    ]
    assert not climbing


@pytest.mark.parametrize("path", _modules(), ids=_name)
def test_heavy_imports_stay_in_their_rooms(path: Path) -> None:
    astray = [
        f"{_name(path)}:{found.line} imports {found.module}"
        for found in _imports(path)
        if not _name(path).startswith(ALLOWED.get(found.module.partition(".")[0], ("",)))
    ]
    assert not astray


@pytest.mark.parametrize("path", _modules(), ids=_name)
def test_a_module_says_what_it_is_and_can_be_read_in_one_sitting(path: Path) -> None:
    assert ast.get_docstring(_tree(path))
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_LINES_FILE


@pytest.mark.parametrize("path", _modules(), ids=_name)
def test_functions_are_short(path: Path) -> None:
    functions = [
        node
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    long = [
        f"{node.name}:{node.lineno}"
        for node in functions
        if (node.end_lineno or node.lineno) - node.lineno >= MAX_LINES_FUNCTION
    ]
    assert not long


@pytest.mark.parametrize("path", _modules(), ids=_name)
def test_only_the_command_line_speaks_of_its_options_and_commands(path: Path) -> None:
    if _room(path) in ("cli", "output") or _name(path).startswith(BESIDE_THE_PACKAGE):
        return
    every = list(ast.walk(_tree(path)))
    docstrings = [node.value for node in every if isinstance(node, ast.Expr)]
    declared = [
        argument
        for node in every
        if isinstance(node, ast.Call) and _called(node) in ("Option", "Setting", "Argument")
        for argument in (*node.args, *(keyword.value for keyword in node.keywords))
    ]
    left_out = {id(inner) for node in (*docstrings, *declared) for inner in ast.walk(node)}
    found = [
        f"{_name(path)}:{node.lineno} {node.value!r}"
        for node in every
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if id(node) not in left_out and OPTION_OR_COMMAND.search(node.value)
        if (_name(path), node.value) not in STORED
    ]
    assert not found, "an error names a Remedy, which cli/remedies.py puts into words"


def _called(call: ast.Call) -> str:
    return getattr(call.func, "id", "")


def test_every_room_has_its_place_in_the_house() -> None:
    rooms = {_room(path) for path in _modules()}
    assert rooms
    assert rooms <= set(RANKS)


def test_no_file_has_a_name_that_says_nothing() -> None:
    assert not [_name(path) for path in _modules() if path.stem in SHAPELESS_NAMES]


def test_relative_imports_are_seen_for_what_they_name() -> None:
    statement = ast.parse("from ..store import rows").body[0]
    assert isinstance(statement, ast.ImportFrom)
    assert _absolute(PACKAGE / "models" / "specification.py", statement) == "rclip_like.store"


@pytest.mark.parametrize(
    ("room", "other", "allowed"),
    [
        ("models", "search", False),
        ("models", "store", False),
        ("evaluate", "train", False),
        ("train", "evaluate", True),
        ("cli", "output", True),
        ("output", "cli", False),
    ],
)
def test_rooms_know_only_what_lies_below(room: str, other: str, allowed: bool) -> None:
    assert _may_import(room, other) is allowed
