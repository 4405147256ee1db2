from pathlib import Path

import pytest

from ivr_bridge.cli import init
from ivr_bridge.cli.main import main
from ivr_bridge.config_file import load
from ivr_bridge.settings import BridgeConfig

SHIPPED = Path(__file__).parent.parent.parent / "config"


def files(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_default_config_is_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    target = tmp_path / "new" / "place"
    assert main(["init", str(target)]) == 0
    assert files(target / "config") == files(SHIPPED)
    assert {"bridge.yaml", "calls/demo.yaml", "prompts/en.yaml", "prompts/es.yaml", "prompts/zh.yaml"} <= files(
        SHIPPED
    ).keys()
    load(target / "config" / "bridge.yaml", BridgeConfig)
    *lines, last = capsys.readouterr().out.splitlines()
    assert f"written  {target / 'config' / 'bridge.yaml'}" in lines
    assert last == f"{len(files(SHIPPED))} files. Next: cd {target} && ivr-bridge serve"


def test_what_is_there_already_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    mine = tmp_path / "config" / "bridge.yaml"
    mine.parent.mkdir()
    mine.write_text("language: es\n")
    assert main(["init", str(tmp_path)]) == 0
    assert mine.read_text() == "language: es\n"
    assert files(tmp_path / "config").keys() == files(SHIPPED).keys()
    printed = capsys.readouterr().out
    assert f"kept     {mine}" in printed
    assert f"{len(files(SHIPPED)) - 1} files." in printed
    before = files(tmp_path)
    assert main(["init", str(tmp_path)]) == 0
    assert files(tmp_path) == before
    assert "0 files." in capsys.readouterr().out


def test_a_place_that_cannot_be_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    (tmp_path / "config").write_text("a file, where a directory is needed")
    assert main(["init", str(tmp_path)]) == 2
    complaints = capsys.readouterr().err
    assert complaints.startswith(f"ivr-bridge: {tmp_path / 'config'}")
    assert "cannot be written" in complaints


def test_in_a_wheel_the_config_lies_in_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    package = tmp_path / "site-packages" / "ivr_bridge"
    (package / "_config").mkdir(parents=True)
    monkeypatch.setattr(init, "files", lambda _: package)
    assert init.default_config() == package / "_config"
    (package / "_config").rmdir()
    assert init.default_config() == tmp_path / "site-packages" / "config"
