"""`ivr-bridge`: one parser for all commands; each command is a module with `add_parser` and `run`.

Exit codes: 0 done, 1 it did not succeed, 2 usage or configuration, 3 nobody at the URL, 130 ended by Ctrl-C.
"""

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any

from ivr_bridge import __version__
from ivr_bridge.errors import BridgeError, ConfigError, MissingExtraError

COMMANDS = (
    "serve", "check", "doctor", "flow", "call", "drill", "dial", "callbacks", "calls", "erase", "voicemail",
    "recordings", "agents", "knowledge", "sandbox", "tail", "init",
)  # fmt: skip
"""As `--help` lists them; each is a module of this folder."""
USAGE = 2
INTERRUPTED = 130


def wanted(argv: Sequence[str]) -> list[Any]:
    """The modules that are needed to read these arguments: one command does not wait for what others import."""
    first = argv[0] if argv else ""
    names = (first,) if first in COMMANDS else () if first == "--version" else COMMANDS
    return [importlib.import_module(f"ivr_bridge.cli.{name}") for name in names]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code. Errors are one clear line on stderr, never a traceback."""
    parser = argparse.ArgumentParser(
        prog="ivr-bridge", description="Puts a voice agent on a phone number and never leaves a caller in silence."
    )
    parser.add_argument("--version", action="version", version=f"ivr-bridge {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in wanted(sys.argv[1:] if argv is None else argv):
        command.add_parser(commands)
    arguments = parser.parse_args(argv)
    try:
        return int(arguments.run(arguments))
    except (ConfigError, MissingExtraError) as error:
        print(f"ivr-bridge: {error}", file=sys.stderr)
        return USAGE
    except BridgeError as error:
        print(f"ivr-bridge: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has gone; what Python flushes at its end goes nowhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


if __name__ == "__main__":
    sys.exit(main())
