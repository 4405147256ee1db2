import argparse
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ivr_bridge import __version__
from ivr_bridge.cli import main as main_module
from ivr_bridge.cli.main import main
from ivr_bridge.errors import BridgeError, ConfigError, MissingExtraError, StoreError


def command_that(outcome: object) -> Any:
    def add_parser(commands: Any) -> None:
        commands.add_parser("try").set_defaults(run=run)

    def run(_: argparse.Namespace) -> object:
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    return SimpleNamespace(add_parser=add_parser)


@pytest.mark.parametrize(
    ("outcome", "code", "said"),
    [
        (0, 0, ""),
        (3, 3, ""),
        (ConfigError("a.yaml:1: x", "PORT: y"), 2, "ivr-bridge: a.yaml:1: x\nPORT: y\n"),
        (MissingExtraError("x", "it"), 2, "ivr-bridge: it needs the extra [x]: pip install 'ivr-bridge[x]'\n"),
        (BridgeError("the child did not start"), 1, "ivr-bridge: the child did not start\n"),
        (StoreError("lost"), 1, "ivr-bridge: lost\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
    ids=lambda value: type(value).__name__,
)  # fmt: skip
def test_exit_codes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], outcome: object, code: int, said: str
):
    monkeypatch.setattr(main_module, "wanted", lambda _: [command_that(outcome)])
    assert main(["try"]) == code
    assert capsys.readouterr() == ("", said)


def test_a_bug_is_not_hidden(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(main_module, "wanted", lambda _: [command_that(ZeroDivisionError())])
    with pytest.raises(ZeroDivisionError):
        main(["try"])


@pytest.mark.parametrize("arguments", [[], ["fly"], ["--fly"]])
def test_usage(capsys: pytest.CaptureFixture[str], arguments: list[str]):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    printed, complaints = capsys.readouterr()
    assert printed == ""
    assert complaints.startswith("usage: ivr-bridge")


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    printed = capsys.readouterr().out
    for command in ("serve", "check", "flow", "call", "drill", "sandbox", "tail", "init"):
        assert command in printed
        with pytest.raises(SystemExit) as ended:
            main([command, "--help"])
        assert ended.value.code == 0


def test_version(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"ivr-bridge {__version__}\n"


def test_a_reader_who_goes_away_ends_it_in_silence(tmp_path: Path):
    log = tmp_path / "log"
    log.write_text('{"event":"a.b"}\n' * 20_000)
    command = [sys.executable, "-W", "ignore", "-m", "ivr_bridge.cli.main", "tail", "--no-follow", str(log)]
    root = Path(__file__).parent.parent.parent
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(root)}
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_a_broken_pipe_of_init_ends_it_in_silence():
    """`print` notices only when Python flushes at its end."""
    code = (
        "import os, sys; from types import SimpleNamespace as N; from ivr_bridge.cli import main as m\n"
        "def run(_):\n    print('x' * 100_000, flush=True)\n    return 0\n"
        "m.wanted = lambda _: [N(add_parser=lambda c: c.add_parser('try').set_defaults(run=run))]\n"
        "sys.stdin.readline()\n"
        "sys.exit(m.main(['try']))"
    )
    root = Path(__file__).parent.parent.parent
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", code],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(root)},
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        process.stdin.write(b"\n")
        process.stdin.flush()
        assert process.stderr.read() == b""
    assert process.returncode == 1


@pytest.mark.parametrize(("argv", "modules"), [(["--version"], []), (["tail", "x"], ["ivr_bridge.cli.tail"])])
def test_a_command_loads_no_other(argv: list[str], modules: list[str]):
    assert [module.__name__ for module in main_module.wanted(argv)] == modules


def test_help_lists_every_command():
    assert len(main_module.wanted(["--help"])) == len(main_module.COMMANDS)
