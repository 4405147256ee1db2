"""`ivr-bridge agents pull | plan | apply | drift`: agents and their tools as the files of `config/agents/`."""

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from ivr_bridge.agents.apply import Done, apply
from ivr_bridge.agents.found import read_found
from ivr_bridge.agents.plan import Plan, make_plan
from ivr_bridge.agents.wanted import Wanted, read_wanted
from ivr_bridge.cli import agents_pull
from ivr_bridge.cli.agents_view import plan_json, show_plan
from ivr_bridge.cli.asking import asked, print_json, refuse_to_guess
from ivr_bridge.cli.vendor_account import account_settings, open_account
from ivr_bridge.errors import BridgeError
from ivr_bridge.settings import Settings

OK, NOT_OK = 0, 1


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser("agents", help="keep agents and their tools as files: pull, plan, apply, drift")
    inner = parser.add_subparsers(metavar="COMMAND", required=True)
    pull = inner.add_parser(
        "pull",
        help="write the files of agents that are at the vendor",
        description="Write config/agents/NAME.yaml of every agent that bears our tag, or of one agent. A file that is "
        "there is kept.",
    )
    pull.add_argument("--agent", metavar="ID", help="only this one; it need not bear our tag")
    pull.add_argument("--name", metavar="NAME", help="of its file (default: from its tag, else from its name)")
    pull.add_argument("--adopt", action="store_true", help="give it our tag, so that plan and apply are about it")
    pull.add_argument("--force", action="store_true", help="write over files that are there")
    pull.set_defaults(run=agents_pull.run)
    plan = inner.add_parser(
        "plan",
        help="what apply would change, and the danger of it",
        description="Compare the files with the vendor and change nothing. Exit: 0, or 1 when something is wrong that "
        "apply cannot mend.",
    )
    plan.set_defaults(run=run_plan)
    applied = inner.add_parser(
        "apply",
        help="change agents and tools at the vendor as the files say",
        description="Show the plan, ask, and carry it out. Ended at any point, the next run does the rest.",
    )
    applied.set_defaults(run=run_apply)
    drift = inner.add_parser("drift", help="exit 1 when the vendor holds anything else than the files say")
    drift.set_defaults(run=run_drift)
    for each in (pull, applied):
        each.add_argument("--yes", action="store_true", help="do not ask")
    for each in (pull, plan, applied, drift):
        each.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
        each.add_argument("--config", type=Path, dest="config_dir", help="directory with agents/ (default config)")


def run_plan(arguments: argparse.Namespace) -> int:
    """Print the plan."""
    settings, wanted = _read(arguments)
    plan = asyncio.run(_with_plan(settings, wanted))
    _print(arguments, plan)
    return NOT_OK if plan.errors else OK


def run_drift(arguments: argparse.Namespace) -> int:
    """Print what differs; the exit code says whether anything does."""
    settings, wanted = _read(arguments)
    plan = asyncio.run(_with_plan(settings, wanted))
    _print(arguments, plan)
    return NOT_OK if plan.differs else OK


def run_apply(arguments: argparse.Namespace) -> int:
    """Print the plan, ask, carry it out."""
    refuse_to_guess(arguments)
    settings, wanted = _read(arguments)
    plan = asyncio.run(_with_plan(settings, wanted))
    if not arguments.json:
        show_plan(_console(), plan)
    if plan.errors:
        if arguments.json:
            print_json({**plan_json(plan), "done": []})
        return NOT_OK
    if plan.steps and not arguments.yes:
        if not asked("Apply this?"):
            print("nothing was changed", file=sys.stderr)
            return NOT_OK
        again = asyncio.run(_with_plan(settings, wanted))
        if plan_json(again) != plan_json(plan):
            print("ivr-bridge: the account has changed meanwhile; look at the plan again", file=sys.stderr)
            return NOT_OK
        plan = again
    done = asyncio.run(_carry_out(settings, plan, quiet=arguments.json))
    if arguments.json:
        steps = [{"step": each.words, "id": each.vendor_id, "was_done": each.was_done} for each in done]
        print_json({**plan_json(plan), "done": steps})
    return OK


def _read(arguments: argparse.Namespace) -> tuple[Settings, Wanted]:
    settings = account_settings(arguments.config_dir)
    return settings, read_wanted(settings.config_dir)


async def _with_plan(settings: Settings, wanted: Wanted) -> Plan:
    console = Console(stderr=True)
    knowledge = any(agent.knowledge for agent in wanted.agents)
    async with open_account(settings) as client:
        with console.status("reading the account") as status:
            found = await read_found(client, knowledge=knowledge, progress=status.update)
    return make_plan(wanted.agents, wanted.tools, wanted.documents, found)


async def _carry_out(settings: Settings, plan: Plan, *, quiet: bool) -> list[Done]:
    """Carry it out; each step is told when it is done."""
    console = Console(stderr=True)
    columns = (TextColumn("applying"), BarColumn(), MofNCompleteColumn())
    done: list[Done] = []
    async with open_account(settings) as client:
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task("applying", total=plan.steps)
            try:
                async for step in apply(client, plan):
                    done.append(step)
                    bar.advance(task)
                    if not quiet:
                        _console().print(f"{'done' if step.was_done else 'kept'}  {step.words}  {step.vendor_id}")
            except (BridgeError, asyncio.CancelledError):
                print(f"{len(done)} of {plan.steps} steps are done; run it again for the rest", file=sys.stderr)
                raise
    return done


def _print(arguments: argparse.Namespace, plan: Plan) -> None:
    if arguments.json:
        print_json(plan_json(plan))
    else:
        show_plan(_console(), plan)


def _console() -> Console:
    return Console(highlight=False, emoji=False, soft_wrap=True, markup=False)
