"""`ivr-bridge knowledge sync | list`: the documents of `config/knowledge/` at the vendor."""

import argparse
import asyncio
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
from rich.table import Table
from rich.text import Text

from ivr_bridge.agents.agent_file import read_agent_files
from ivr_bridge.agents.knowledge_file import KnowledgeDocument, read_knowledge
from ivr_bridge.agents.knowledge_mark import KnowledgeMark, read_knowledge_mark
from ivr_bridge.agents.knowledge_plan import KnowledgePlan, make_knowledge_plan
from ivr_bridge.agents.knowledge_sync import (
    KnowledgeReport,
    KnowledgeSync,
    find_readers,
    missing_agents,
    read_shelf,
)
from ivr_bridge.cli.asking import asked, print_json
from ivr_bridge.cli.vendor_account import account_settings, open_account
from ivr_bridge.elevenlabs.rest.client import ElevenLabsAPIClient
from ivr_bridge.elevenlabs.rest.knowledge_base import DocumentEntry
from ivr_bridge.errors import BridgeError, ConfigError
from ivr_bridge.settings import Settings

OK, NOT_OK = 0, 1
_UNFINISHED = ("failed", "processing", "created", "new", "refused")
_WORDS = {"make": "make", "update": "make anew", "keep": "keep"}


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser("knowledge", help="what the agents can look up: sync, list")
    inner = parser.add_subparsers(metavar="COMMAND", required=True)
    sync = inner.add_parser(
        "sync",
        help="bring the vendor's documents to what config/knowledge/ says",
        description="Make what is new, make anew what has changed, index it, give it to the agents whose files name "
        "it, and remove the older ones. Only documents that this command made are ever touched, and what is gone from "
        "the configuration is removed only with your yes. Ended at any point, the next run does the rest. Exit: 0 all "
        "is done, 1 something is left to do, 2 usage or configuration.",
    )
    sync.add_argument("--yes", action="store_true", help="remove what is gone from the configuration without asking")
    sync.add_argument("--dry-run", action="store_true", help="say what would be done and change nothing")
    sync.set_defaults(run=run_sync)
    lists = inner.add_parser("list", help="every document of the account, and whose it is")
    lists.set_defaults(run=run_list)
    for each in (sync, lists):
        each.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
        each.add_argument("--config", type=Path, dest="config_dir", help="directory with knowledge/ (default config)")


def run_sync(arguments: argparse.Namespace) -> int:
    """Show the plan and carry it out.

    Raises:
        ConfigError: a file that is broken, or two agents with one tag.
        VendorError: the vendor did not answer, or refused; what was done stays done.
    """
    settings = account_settings(arguments.config_dir)
    documents = read_knowledge(settings.config_dir)
    wanted = {name: tuple(file.content.knowledge) for name, file in read_agent_files(settings.config_dir).items()}
    unknown = sorted({each for names in wanted.values() for each in names} - documents.keys())
    if unknown:
        raise ConfigError(f"agents are to know {', '.join(unknown)}, and config/knowledge/ has no such file")
    return asyncio.run(_sync(arguments, settings, documents, wanted))


async def _sync(
    arguments: argparse.Namespace,
    settings: Settings,
    documents: dict[str, KnowledgeDocument],
    wanted: dict[str, tuple[str, ...]],
) -> int:
    async with open_account(settings) as client:
        with Console(stderr=True).status("reading the account"):
            readers, missing = await find_readers(client, wanted)
            plan = make_knowledge_plan(documents.values(), readers, await read_shelf(client))
        if not arguments.json:
            _show_plan(plan)
        if arguments.dry_run:
            if arguments.json:
                print_json(_plan_json(plan))
            return OK
        remove, undecided = _may_remove(arguments, plan)
        report = await _carry_out(client, plan, remove_gone=remove)
    report.warnings += missing_agents(missing)
    if undecided:
        report.warnings.append("what is gone was not removed: nobody could be asked; --yes does it without asking")
    if arguments.json:
        print_json({**_plan_json(plan), "done": asdict(report)})
    else:
        _show_report(report)
    unfinished = [name for name, status in report.indexes.items() if status in _UNFINISHED]
    return NOT_OK if undecided or unfinished or missing else OK


def _may_remove(arguments: argparse.Namespace, plan: KnowledgePlan) -> tuple[bool, bool]:
    """Whether what is gone is removed, and whether nobody could be asked about it."""
    if not plan.gone or arguments.yes:
        return True, False
    if arguments.json or not sys.stdin.isatty():
        return False, True
    return asked(f"Remove {len(plan.gone)} that the configuration does not have any more?"), False


async def _carry_out(client: ElevenLabsAPIClient, plan: KnowledgePlan, *, remove_gone: bool) -> KnowledgeReport:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("knowledge", total=1)

        def told(words: str, done: float, of: int) -> None:
            bar.update(task, description=words, completed=done, total=max(of, 1))

        try:
            return await KnowledgeSync(client, plan, remove_gone=remove_gone, progress=told).run()
        except (BridgeError, asyncio.CancelledError):
            print("it broke off; run it again for the rest", file=sys.stderr)
            raise


def run_list(arguments: argparse.Namespace) -> int:
    """Print every document.

    Raises:
        ConfigError: a file that is broken.
        VendorError: the vendor did not answer, or refused.
    """
    settings = account_settings(arguments.config_dir)
    hashes = {name: document.content_hash for name, document in read_knowledge(settings.config_dir).items()}
    entries = asyncio.run(_entries(settings))
    rows = [(entry, *_whose(entry, hashes)) for entry in entries if entry.type != "folder"]
    if arguments.json:
        keys = ("id", "name", "type")
        listed = [
            {**{key: getattr(entry, key) for key in keys}, "size_bytes": entry.metadata.size_bytes}
            | {"document": name, "made_by": maker, "state": state}
            for entry, name, maker, state in rows
        ]
        print_json({"documents": listed})
        return OK
    table = Table(box=None, pad_edge=False)
    for heading in ("document", "made by", "state", "kind", "bytes", "id"):
        table.add_column(heading, overflow="fold")
    for entry, name, maker, state in rows:
        size = str(entry.metadata.size_bytes)
        table.add_row(Text(name, "bold"), Text(maker), Text(state), Text(entry.type), size, Text(entry.id))
    _console().print(table)
    return OK


async def _entries(settings: Settings) -> list[DocumentEntry]:
    async with open_account(settings) as client:
        return [entry async for entry in client.knowledge_base.list(sort_by="name", sort_direction="asc")]


def _whose(entry: DocumentEntry, hashes: dict[str, str]) -> tuple[str, str, str]:
    """Its name, who made it, and how it stands to the configuration."""
    mark: KnowledgeMark | None = read_knowledge_mark(entry.name)
    if mark is None:
        return entry.name, "others", "left alone"
    if mark.scope:
        return mark.name, f"the service, for agent {mark.scope}", "left alone"
    if mark.name not in hashes:
        return mark.name, "config/knowledge", "gone"
    return mark.name, "config/knowledge", "current" if hashes[mark.name] == mark.content_hash else "outdated"


def _plan_json(plan: KnowledgePlan) -> dict[str, Any]:
    return {
        "documents": [{"document": step.document.name, "action": step.action} for step in plan.documents],
        "agents": [reader.name for reader in plan.readers],
        "outdated": [{"name": str(each.mark), "id": each.document_id} for each in plan.outdated],
        "gone": [{"name": str(each.mark), "id": each.document_id} for each in plan.gone],
    }


def _show_plan(plan: KnowledgePlan) -> None:
    console = _console()
    for step in plan.documents:
        console.print(Text(f"{_WORDS[step.action]}  {step.document.name} ({step.document.kind})"))
    for reader in plan.readers:
        console.print(Text(f"tell  agent {reader.name}: {', '.join(reader.wanted) or 'no document'}"))
    for each in plan.outdated:
        console.print(Text(f"remove  {each.mark} ({each.document_id}), which is out of date"))
    for each in plan.gone:
        console.print(Text(f"remove  {each.mark} ({each.document_id}), which the configuration does not have any more"))


def _show_report(report: KnowledgeReport) -> None:
    console = _console()
    for warning in report.warnings:
        console.print(Text.assemble(("warning", "yellow"), f"  {warning}"))
    counts = {"made": report.made, "made anew": report.updated, "unchanged": report.unchanged}
    counts |= {"removed": report.removed, "left": report.left}
    told = ", ".join(f"{len(names)} {words}" for words, names in counts.items() if names) or "nothing to do"
    console.print(Text(told, "green" if not report.warnings else "yellow"))


def _console() -> Console:
    return Console(highlight=False, emoji=False, soft_wrap=True, markup=False)
