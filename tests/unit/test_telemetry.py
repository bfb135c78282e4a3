"""Reports of use: each switch is known to its library, and set before that is imported."""

from __future__ import annotations

import ast
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

import rclip_like
from rclip_like.telemetry import SWITCHES, switch_off

PACKAGE = Path(rclip_like.__file__).parent
READ_BY = {
    "ORT_DISABLE_TELEMETRY": "onnxruntime",
    "HF_HUB_DISABLE_TELEMETRY": "huggingface_hub",
    "HF_XET_TELEMETRY_ENABLED": "hf_xet",
}
REPORTING = {*READ_BY.values(), "rapidocr", "open_clip", "timm", "transformers"}
"""What reports, and what fetches through it."""
SETTING = {"switch_off", "import_open_clip"}


def _run(program: str) -> str:
    """Return what a program prints that starts where no switch is set."""
    environment = {name: value for name, value in os.environ.items() if name not in SWITCHES}
    command = [sys.executable, "-c", program]
    return subprocess.run(
        command, env=environment, capture_output=True, text=True, check=True
    ).stdout.strip()


def _names(path: Path) -> set[str]:
    """Return all that a module names: what it imports, also by a string, and what it calls."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {(node.module or "").partition(".")[0]}
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            names.add(node.func.id if isinstance(node.func, ast.Name) else node.func.attr)
            if "import_module" in names:
                names |= {arg.value for arg in node.args if isinstance(arg, ast.Constant)}
    return names


def test_a_switch_wins_over_what_was_set_before(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SWITCHES:
        monkeypatch.setenv(name, "anything")
    switch_off()
    assert {name: os.environ[name] for name in SWITCHES} == SWITCHES


@pytest.mark.parametrize("switch", SWITCHES)
def test_the_installed_library_knows_its_switch(switch: str) -> None:
    found = importlib.util.find_spec(READ_BY[switch])
    assert found is not None
    assert found.origin is not None
    files = [*Path(found.origin).parent.rglob("*.py"), *Path(found.origin).parent.rglob("*.so*")]
    assert any(switch.encode() in path.read_bytes() for path in files)


def test_every_module_that_imports_a_reporting_library_sets_the_switches() -> None:
    importing = {path: _names(path) for path in PACKAGE.rglob("*.py")}
    importing = {path: names for path, names in importing.items() if names & REPORTING}
    assert {path.name for path in importing} >= {
        "onnx_graph.py",
        "torchvision_cure.py",
        "client.py",
    }
    unset = [path for path, names in importing.items() if not names & SETTING]
    assert {path.name for path in unset} == {"client.py", "cache.py", "limits.py"}
    # Those import it at once: whoever imports the first sets them before, and only it the others.
    for module in ("cache", "limits"):
        line = f"\nfrom rclip_like.models.hub.{module} import"
        assert [p.name for p in PACKAGE.rglob("*.py") if line in p.read_text()] == ["client.py"]
    behind = [path for path in PACKAGE.rglob("*.py") if "hub.client import" in path.read_text()]
    assert behind
    for path in behind:
        text = path.read_text()
        assert text.index("    switch_off()") < text.rindex("hub.client import"), path


def test_huggingface_hub_comes_with_open_clip_and_reports_nothing() -> None:
    program = (
        "from rclip_like.models.towers.torchvision_cure import import_open_clip\n"
        "import_open_clip()\n"
        "import sys\n"
        "print(sys.modules['huggingface_hub'].constants.HF_HUB_DISABLE_TELEMETRY)"
    )
    assert _run(program) == "True"


def test_what_a_library_of_pythons_starts_is_told_to_report_nothing() -> None:
    program = (
        "import subprocess, sys\n"
        "from rclip_like import Library\n"
        "Library()\n"
        "subprocess.run([sys.executable, '-c', 'import os; print(*os.environ)'])"
    )
    assert set(SWITCHES) <= set(_run(program).split())
