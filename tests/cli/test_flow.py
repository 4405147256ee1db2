import shutil
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from ivr_bridge.cli.main import main
from ivr_bridge.config_file import load
from ivr_bridge.flows.model import Flow

SHIPPED = Path(__file__).parent.parent.parent / "config"

DESK = """\
numbers: ["+4930*"]
language: es
start: hello
nodes:
  hello: {kind: prompt, prompt: goodbye, next: end}
  end: {kind: hang_up}
"""


@pytest.fixture(autouse=True)
def config(tmp_path: Path) -> Path:
    shutil.copytree(SHIPPED, tmp_path / "config")
    (tmp_path / "config" / "flows" / "desk.yaml").write_text(DESK)
    return tmp_path / "config"


def test_show_prints_the_tree_and_writes_the_picture(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["flow", "show", "desk"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].rstrip() == "desk  +4930*"
    assert any("hello  prompt  “Gracias por llamar" in line for line in lines), "in the flow's own language"
    assert lines[-1] == "picture: desk.svg"
    svg = (tmp_path / "desk.svg").read_text(encoding="utf-8")
    ET.fromstring(svg)
    assert "Gracias por llamar" in svg


@pytest.mark.parametrize("path", sorted(SHIPPED.glob("flows/*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_flow(path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    out = tmp_path / "there.svg"
    assert main(["flow", "show", path.stem, "--config", str(SHIPPED), "--out", str(out)]) == 0
    printed = capsys.readouterr().out
    svg = out.read_text(encoding="utf-8")
    for name in load(path, Flow).nodes:
        assert f"{name}  " in printed
        assert f'data-box="{name}"' in svg
    assert "nothing leads to" not in printed
    assert printed.splitlines()[-1] == f"picture: {out}"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config", "there.svg"]


def test_the_language_of_bridge_yaml(config: Path, capsys: pytest.CaptureFixture[str]):
    (config / "flows" / "desk.yaml").write_text(DESK.replace("language: es\n", ""))
    bridge = config / "bridge.yaml"
    bridge.write_text(bridge.read_text().replace("language: en", "language: zh"))
    assert main(["flow", "show", "desk"]) == 0
    assert "感谢您的来电" in capsys.readouterr().out


def test_list(capsys: pytest.CaptureFixture[str]):
    assert main(["flow", "list"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == ["flow", "numbers", "nodes", "begins", "at"]
    assert ["desk", "+4930*", "2", "hello"] in lines
    assert ["builtin", "-", "1", "agent"] in lines


def test_a_flow_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["flow", "show", "dusk"]) == 2
    printed, complaints = capsys.readouterr()
    assert printed == ""
    assert complaints.startswith("ivr-bridge: there is no flow 'dusk'; there are: desk, ")
    assert not (tmp_path / "dusk.svg").exists()


def test_a_broken_flow_is_told_with_its_line(config: Path, capsys: pytest.CaptureFixture[str]):
    (config / "flows" / "desk.yaml").write_text(DESK.replace("next: end", "next: ende"))
    assert main(["flow", "show", "desk"]) == 2
    assert "config/flows/desk.yaml:5: nodes.hello.next: there is no node 'ende'" in capsys.readouterr().err


def test_a_place_that_cannot_be_written(capsys: pytest.CaptureFixture[str]):
    assert main(["flow", "show", "desk", "--out", "no/such/place.svg"]) == 2
    assert capsys.readouterr().err == "ivr-bridge: no/such/place.svg: cannot be written: No such file or directory\n"


def test_without_a_terminal_lines_are_not_cut_at_80(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.delenv("COLUMNS")
    assert main(["flow", "show", "front_desk"]) == 0
    assert max(len(line) for line in capsys.readouterr().out.splitlines()) > 80


@pytest.mark.parametrize("arguments", [["flow"], ["flow", "show"], ["flow", "draw", "x"]])
def test_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: ivr-bridge flow")
