"""`ivr-bridge agents pull`: the files of agents that are at the vendor already."""

import argparse
import asyncio
import sys
from pathlib import Path

from ivr_bridge.agents.found import FoundAgent, found_agent, read_found
from ivr_bridge.agents.marks import FILE_NAME, tag_of
from ivr_bridge.agents.pull import PulledFile, file_name, pulled_file
from ivr_bridge.cli.asking import asked, print_json, refuse_to_guess
from ivr_bridge.cli.vendor_account import account_settings, open_account
from ivr_bridge.elevenlabs.rest.client import ElevenLabsAPIClient
from ivr_bridge.errors import BridgeError, ConfigError
from ivr_bridge.settings import Settings

OK, NOT_OK = 0, 1


def run(arguments: argparse.Namespace) -> int:
    """Write files, and give the tag where that was asked for."""
    if (arguments.adopt or arguments.name) and arguments.agent is None:
        raise ConfigError("--adopt and --name are for one agent: say which, by --agent ID")
    if arguments.name is not None and not FILE_NAME.fullmatch(arguments.name):
        raise ConfigError(f"--name {arguments.name}: write letters, digits, '_' or '-', a letter or digit first")
    if arguments.adopt:
        refuse_to_guess(arguments)
    settings = account_settings(arguments.config_dir)
    pulled = asyncio.run(_pulled(settings, arguments))
    there = [path for path in pulled if path.exists()]
    if there and not arguments.force:
        raise ConfigError(f"{', '.join(map(str, there))}: is there already; --force writes over it")
    adopted = None
    if arguments.adopt:
        ((path, (agent, _)),) = pulled.items()
        adopted = _adopt(settings, arguments, agent, path.stem)
        if adopted is None:
            return NOT_OK
    # Behind the tag: with a file whose agent bears no tag, apply would make a second agent.
    for path, (_, file) in pulled.items():
        _write(path, file.text)
    if arguments.json:
        written = [
            {"file": str(path), "agent_id": agent.agent_id, "remarks": list(file.remarks)}
            for path, (agent, file) in pulled.items()
        ]
        print_json({"written": written, "adopted": adopted})
        return OK
    for path, (agent, file) in pulled.items():
        print(f"written  {path}  ({agent.agent_id})")
        for remark in file.remarks:
            print(f"         {remark}")
    if adopted:
        print(f"tagged   {adopted}")
    return OK


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written: {error.strerror}") from error


async def _pulled(settings: Settings, arguments: argparse.Namespace) -> dict[Path, tuple[FoundAgent, PulledFile]]:
    """What goes into each file, and whose it is.

    Raises:
        BridgeError: there is no such agent, or none that bears our tag.
    """
    async with open_account(settings) as client:
        found = await read_found(client, knowledge=True)
        agents = list(found.agents)
        if arguments.agent is not None:
            agents = [found_agent(await client.agents.get(arguments.agent))]
    if not agents:
        raise BridgeError("no agent bears our tag; ivr-bridge agents pull --agent ID takes any")
    pulled: dict[Path, tuple[FoundAgent, PulledFile]] = {}
    for agent in agents:
        name = arguments.name or (agent.names[0] if agent.names else file_name(str(agent.document.get("name") or "")))
        path = settings.config_dir / "agents" / f"{name}.yaml"
        if path in pulled:
            raise BridgeError(f"two agents are called {name}: {pulled[path][0].agent_id} and {agent.agent_id}")
        pulled[path] = agent, pulled_file(agent, found)
    return pulled


def _adopt(settings: Settings, arguments: argparse.Namespace, agent: FoundAgent, name: str) -> str | None:
    """The tag that the agent bears now; None when it may not.

    Raises:
        BridgeError: it is adopted under another name, or another agent bears this tag.
    """
    tag = tag_of(name)
    if name in agent.names:
        return tag
    if agent.names:
        raise BridgeError(f"{agent.agent_id} bears the tag {tag_of(agent.names[0])} already; --name {agent.names[0]}")
    question = f"Give agent {agent.agent_id} the tag {tag}, so that apply changes it?"
    if not arguments.yes and not asked(question):
        print("nothing was changed", file=sys.stderr)
        return None
    asyncio.run(_tag(settings, agent, name))
    return tag


async def _tag(settings: Settings, agent: FoundAgent, name: str) -> None:
    async with open_account(settings) as client:
        others = await _bearing(client, name)
        if others:
            raise BridgeError(f"{', '.join(others)} bears the tag {tag_of(name)} already; choose another --name")
        tags = [*agent.document.get("tags", ()), tag_of(name)]
        await client.agents.update(agent.agent_id, {"tags": tags})


async def _bearing(client: ElevenLabsAPIClient, name: str) -> list[str]:
    return [entry.agent_id async for entry in client.agents.list() if tag_of(name) in entry.tags]
