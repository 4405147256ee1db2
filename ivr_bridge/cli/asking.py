"""What commands that change something have in common: a yes, and one JSON value as the whole answer."""

import argparse
import sys
from typing import Any

import orjson

from ivr_bridge.errors import ConfigError


def refuse_to_guess(arguments: argparse.Namespace) -> None:
    """Nothing is changed without a yes.

    Args:
        arguments: with `yes` and `json`.

    Raises:
        ConfigError: there is none, and nobody can be asked.
    """
    if not arguments.yes and (arguments.json or not sys.stdin.isatty()):
        raise ConfigError("nobody can be asked here; --yes does it without asking")


def asked(question: str) -> bool:
    """Ask on stderr; everything but `y` and `yes` is a no."""
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def print_json(value: dict[str, Any]) -> None:
    """The whole answer of a command to a machine."""
    print(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())
