import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from ivr_bridge.cli.check import check
from ivr_bridge.cli.main import main

ROOT = Path(__file__).parent.parent.parent
SHIPPED = ROOT / "config"
BROKEN = ROOT / "fixtures" / "broken_config"
MARK = re.compile(r" #([!?]) (.*)$")


def shipped(folder: Path) -> Path:
    shutil.copytree(SHIPPED, folder / "config")
    return folder / "config"


def change(path: Path, old: str, new: str) -> int:
    """Replace, and give the line where it stands."""
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))
    return text[: text.index(old)].count("\n") + 1


def told(folder: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    capsys.readouterr()
    main(["check", str(folder), "--json"])
    printed, complaints = capsys.readouterr()
    assert complaints == ""
    entries: list[dict[str, Any]] = json.loads(printed)
    for entry in entries:
        assert list(entry) == ["file", "line", "problem", "remedy", "severity"]
        assert entry["remedy"]
    return entries


def errors(entries: list[dict[str, Any]]) -> list[tuple[str, int, str]]:
    return [
        (Path(entry["file"]).name, entry["line"], entry["problem"]) for entry in entries if entry["severity"] == "error"
    ]


def test_the_shipped_configuration_is_fine(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setenv("FALLBACK_NUMBER", "+15550100")
    assert main(["check", str(SHIPPED)]) == 0
    n_files = len([*SHIPPED.rglob("*.yaml")])
    assert capsys.readouterr().out == f"{n_files} files, 0 problems\n"
    assert told(SHIPPED, capsys) == []


def test_every_fault_is_told_with_its_line_and_nothing_else(capsys: pytest.CaptureFixture[str]):
    marks = [
        (str(path), number, mark[1], words)
        for path in sorted([*BROKEN.rglob("*.yaml"), *BROKEN.rglob("*.yml")])
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if (mark := MARK.search(line))
        for words in mark[2].split(" | ")
    ]
    assert len(marks) > 45
    entries = told(BROKEN, capsys)
    not_told = [
        mark
        for mark in marks
        if not any((entry["file"], entry["line"]) == mark[:2] and mark[3] in entry["problem"] for entry in entries)
    ]
    unmarked = [
        entry
        for entry in entries
        if not any((entry["file"], entry["line"]) == mark[:2] and mark[3] in entry["problem"] for mark in marks)
    ]
    assert not_told == []
    assert unmarked == []
    for entry in entries:
        of_the_line = {mark[2] for mark in marks if mark[:2] == (entry["file"], entry["line"])}
        assert ("!" in of_the_line) if entry["severity"] == "error" else of_the_line
    assert len(entries) == len({json.dumps(entry) for entry in entries}), "each once"
    places = [(entry["file"], entry["line"]) for entry in entries]
    assert places == sorted(places)
    assert main(["check", str(BROKEN)]) == 1


def test_for_people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    shipped(tmp_path)
    line = change(tmp_path / "config/flows/main.yaml", "start: assistant", "start: asistant")
    monkeypatch.setenv("FALLBACK_NUMBER", "+15550100")
    (tmp_path / "config" / "more.yml").write_text("")
    assert main(["check"]) == 1
    *first, last = capsys.readouterr().out.splitlines()
    assert first[:2] == [
        f"config/flows/main.yaml:{line}  error  start: there is no node 'asistant'",
        "    one of: assistant",
    ]
    assert "config/more.yml  warning  nothing reads this" in first
    assert re.fullmatch(r"\d+ files, 1 problem, \d warnings?", last)


def test_warnings_alone_are_no_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    folder = shipped(tmp_path)
    change(folder / "flows/main.yaml", "disclosure: disclosure", "disclosure: false")
    assert main(["check", str(folder)]) == 0
    printed = capsys.readouterr().out
    assert "warning  disclosure: callers are not told that they speak with a machine" in printed
    assert "FALLBACK_NUMBER is not set" in printed
    assert ", 0 problems, " in printed
    assert {entry["severity"] for entry in told(folder, capsys)} == {"warning"}


def test_a_directory_that_is_not_there(capsys: pytest.CaptureFixture[str]):
    assert main(["check", "nowhere", "--json"]) == 2
    printed, complaints = capsys.readouterr()
    assert printed == ""
    assert complaints.startswith("ivr-bridge: nowhere: there is no such directory")
    with pytest.raises(SystemExit) as ended:
        main(["check", "one", "two"])
    assert ended.value.code == 2


def test_the_directory_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CONFIG_DIR", str(tmp_path / "mine"))
    monkeypatch.setenv("PORT", "what is wrong with the environment is not asked here")
    assert main(["check"]) == 2
    shutil.copytree(SHIPPED, tmp_path / "mine")
    assert main(["check"]) == 0


def test_an_empty_directory(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "empty").mkdir()
    problems = errors(told(tmp_path / "empty", capsys))
    missing = "cannot be read: No such file or directory"
    assert problems == [(name, 1, missing) for name in ("bridge.yaml", "en.yaml", "es.yaml", "zh.yaml")]


def test_a_broken_prompt_file_hides_no_other_fault_and_invents_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    folder = shipped(tmp_path)
    line = change(folder / "prompts/en.yaml", "  busy: ", "  busi: ")
    greeting = change(folder / "bridge.yaml", "greeting: cached", "greeting: cashed")
    problems = errors(told(folder, capsys))
    assert [problem[:2] for problem in problems if problem[0] != "en.yaml"] == [("bridge.yaml", greeting)]
    assert any("prompts.busy: Field required" in problem for _, _, problem in problems)
    for language in ("en", "es", "zh"):
        (folder / "prompts" / f"{language}.yaml").write_text("[")
    assert {name for name, _, _ in errors(told(folder, capsys))} == {"en.yaml", "es.yaml", "zh.yaml"}
    assert line > 1


def test_a_tools_module_of_ones_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    folder = shipped(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    line = change(folder / "bridge.yaml", "tools_module: ivr_bridge.tools.demo", "tools_module: tools_of_a_chatterbox")
    module = tmp_path / "tools_of_a_chatterbox.py"
    module.write_text(
        "from ivr_bridge.tools.registry import tool\nprint('hello from the module')\n\n"
        "@tool\ndef order_status() -> str:\n    '''Look up an order.'''\n    return 'sent'\n"
    )
    (folder / "tools" / "orders.yaml").write_text(
        "description: Looks up an order.\nname: order_status\nurl: https://shop.example.com/orders\n"
    )
    assert main(["check", str(folder), "--json"]) == 1
    printed, complaints = capsys.readouterr()
    assert complaints == "hello from the module\n"
    (problem,) = errors(json.loads(printed))
    assert problem[:2] == ("orders.yaml", 2)
    assert "'order_status' is the tool of " in problem[2]
    change(folder / "bridge.yaml", "tools_of_a_chatterbox", "tools_of_nobody")
    (problem,) = errors(told(folder, capsys))
    assert problem[:2] == ("bridge.yaml", line)
    assert problem[2].startswith("tools_module: 'tools_of_nobody' cannot be imported")


def test_nothing_is_said_of_hidden_files(tmp_path: Path):
    folder = shipped(tmp_path)
    (folder / ".git").mkdir()
    (folder / ".git" / "x.yaml").write_text("")
    (folder / "flows" / ".main.yaml.swp.yaml").write_text("[")
    problems = check(folder, {"FALLBACK_NUMBER": "+15550100"})
    assert problems == []
