import argparse
import io
import json
import sys

import pytest

from ivr_bridge.cli.asking import asked, print_json, refuse_to_guess
from ivr_bridge.errors import ConfigError


class Stdin(io.StringIO):
    def __init__(self, text: str, *, terminal: bool) -> None:
        super().__init__(text)
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


@pytest.mark.parametrize(
    ("yes", "json_wanted", "terminal", "refused"),
    [
        (True, False, False, False),
        (True, True, False, False),
        (False, False, True, False),
        (False, False, False, True),
        (False, True, True, True),
    ],
)
def test_who_can_be_asked(
    monkeypatch: pytest.MonkeyPatch, yes: bool, json_wanted: bool, terminal: bool, refused: bool
) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin("", terminal=terminal))
    arguments = argparse.Namespace(yes=yes, json=json_wanted)
    if refused:
        with pytest.raises(ConfigError, match="--yes"):
            refuse_to_guess(arguments)
    else:
        refuse_to_guess(arguments)


@pytest.mark.parametrize(
    ("answer", "yes"), [("y\n", True), ("Yes\n", True), ("n\n", False), ("", False), ("yo\n", False)]
)
def test_only_a_yes_is_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answer: str, yes: bool
) -> None:
    monkeypatch.setattr(sys, "stdin", Stdin(answer, terminal=True))
    assert asked("Really?") is yes
    printed = capsys.readouterr()
    assert (printed.out, printed.err) == ("", "Really? [y/N] ")


def test_one_json_value(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"a": [1, "ü"]})
    assert json.loads(capsys.readouterr().out) == {"a": [1, "ü"]}
