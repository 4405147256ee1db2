"""What import-linter cannot see of the house: docstrings, sizes, silent packages, mirrored tests, doors."""

import ast
from pathlib import Path

import pytest

from ivr_bridge.telemetry.events_page import events_page

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "ivr_bridge"
MODULES = sorted(PACKAGE.rglob("*.py"))
VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "manager"}
DOORS = {
    "twilio": ["twilio"],
    "websockets": ["elevenlabs/websocket.py", "elevenlabs/inbox.py"],
    "redis": ["store"],
    "yaml": ["config_file.py"],
    "numpy": ["audio", "simulator"],
    "audioop": ["audio/levels.py", "simulator"],
    "sqlalchemy": ["records"],
    "alembic": ["records"],
    "aiosqlite": ["records"],
    "asyncpg": ["records"],
}
"""A library, and the only places that may import it."""


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_module(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), "a module says what it is for"
    assert len(path.read_text().splitlines()) <= 400
    assert path.stem not in VAGUE
    if path.name == "__init__.py":
        extra = [n for n in tree.body if not isinstance(n, ast.Expr)]
        assert all(isinstance(n, ast.Assign) and path.parent == PACKAGE for n in extra), "an __init__ imports nothing"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or 0) - node.lineno + 1
            assert lines <= 60, f"{node.name} has {lines} lines"


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_doors(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        for name in names:
            allowed = DOORS.get(name.partition(".")[0])
            assert allowed is None or any(name_of(path).startswith(place) for place in allowed), f"{name} has a door"


@pytest.mark.parametrize("path", [m for m in MODULES if m.name != "__init__.py"], ids=name_of)
def test_mirrored(path: Path) -> None:
    if name_of(path) in COVERED_ELSEWHERE or name_of(path).startswith(MIGRATIONS):
        return
    test = ROOT / "tests" / path.relative_to(PACKAGE).with_name(f"test_{path.name}")
    assert test.is_file(), f"{test.relative_to(ROOT)} is not there"


COVERED_ELSEWHERE = {"bridge/call_needs.py", "bridge/legs.py"}
"""Declarations without behaviour."""

MIGRATIONS = "records/migrations/"
"""tests/records/test_database.py runs all of them and compares the tables that they make."""


def test_every_test_folder_is_a_package() -> None:
    folders = {path.parent for path in (ROOT / "tests").rglob("*.py")}
    for folder in folders:
        init = folder / "__init__.py"
        assert init.is_file(), folder
        assert init.read_text() == "", init


def test_the_events_page_is_true() -> None:
    assert (ROOT / "docs" / "events.md").read_text() == events_page(), "run: make docs"


def test_every_event_is_written_somewhere() -> None:
    source = "\n".join(path.read_text() for path in MODULES if path.name != "events.py")
    constants = [
        target.id
        for node in ast.parse((PACKAGE / "telemetry" / "events.py").read_text()).body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
        for target in node.targets
        if isinstance(target, ast.Name)
    ]
    assert len(constants) > 40
    assert [name for name in constants if name not in source] == []
