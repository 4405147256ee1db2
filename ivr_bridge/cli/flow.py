"""`ivr-bridge flow list` and `ivr-bridge flow show NAME`: the menus of a number as a list, a tree and a picture."""

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from ivr_bridge.config_file import load
from ivr_bridge.errors import ConfigError
from ivr_bridge.flows.flow_book import FlowBook, read_flow_book
from ivr_bridge.flows.picture import picture
from ivr_bridge.flows.tree import flow_tree
from ivr_bridge.settings import BridgeConfig, read_settings
from ivr_bridge.speech.prompt_file import read_prompt_files

NO_TERMINAL_COLUMNS = 240


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser("flow", help="show the flows of config/flows/")
    inner = parser.add_subparsers(metavar="COMMAND", required=True)
    lists = inner.add_parser("list", help="every flow and its numbers")
    lists.set_defaults(run=run_list)
    show = inner.add_parser(
        "show",
        help="one flow as a tree, and as a picture",
        description="Print a flow as a tree and write its picture, NAME.svg in the working directory.",
    )
    show.add_argument("name", metavar="NAME", help="a flow: config/flows/NAME.yaml")
    show.add_argument("--out", type=Path, metavar="F.svg", help="where the picture goes (default NAME.svg)")
    show.set_defaults(run=run_show)
    for each in (lists, show):
        each.add_argument("--config", type=Path, dest="config_dir", help="directory with flows/ (default config)")


def run_list(arguments: argparse.Namespace) -> int:
    """Print one line a flow."""
    _, _, book = _read(arguments)
    table = Table("flow", "numbers", "nodes", "begins at", box=None, pad_edge=False)
    for name, flow in book.flows.items():
        numbers = ", ".join(flow.numbers) or "-"
        table.add_row(Text(name, "bold"), Text(numbers), str(len(flow.nodes)), Text(flow.start))
    _console().print(table)
    return 0


def run_show(arguments: argparse.Namespace) -> int:
    """Print the tree and write the picture.

    Raises:
        ConfigError: no such flow (says which there are), a file that is broken, or a place that cannot be written.
    """
    config, texts_of, book = _read(arguments)
    name: str = arguments.name
    flow = book.flows.get(name)
    if flow is None:
        raise ConfigError(f"there is no flow {name!r}; there are: {', '.join(book.flows)}")
    texts = texts_of[flow.language or config.language]
    out: Path = arguments.out or Path(f"{name}.svg")
    try:
        out.write_text(picture(name, flow, texts), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{out}: cannot be written: {error.strerror}") from error
    console = _console()
    console.print(flow_tree(name, flow, texts))
    console.print(Text(f"picture: {out}", "dim"), soft_wrap=True)
    return 0


def _read(arguments: argparse.Namespace) -> tuple[BridgeConfig, Mapping[str, Mapping[str, str]], FlowBook]:
    """Bridge.yaml, language -> prompt -> text, and the flows."""
    own = {name: value for name, value in os.environ.items() if name == "CONFIG_DIR"}
    folder = read_settings(own, config_dir=arguments.config_dir).config_dir
    config = load(folder / "bridge.yaml", BridgeConfig)
    texts = {language: file.prompts.by_name() for language, file in read_prompt_files(folder / "prompts").items()}
    return config, texts, read_flow_book(folder, set.intersection(*(set(each) for each in texts.values())))


def _console() -> Console:
    """As wide as the terminal; what goes into a file or a pipe is cut at a generous width."""
    width = None if sys.stdout.isatty() or "COLUMNS" in os.environ else NO_TERMINAL_COLUMNS
    return Console(width=width, highlight=False, emoji=False)
