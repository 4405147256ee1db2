"""`ivr-bridge call`: a simulated phone call over the real path, with its conversation printed live."""

import argparse
import asyncio
import contextlib
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape

from ivr_bridge.config_file import remedy
from ivr_bridge.errors import ConfigError
from ivr_bridge.settings import Settings, read_settings

COMPLETED, NOT_COMPLETED, NOBODY = 0, 1, 3
NOBODY_REASON = "unreachable"
END_WAIT_S = 12.0
"""The server needs up to 10 s to call a call over when the network tells it nothing."""
CONNECT_LIMIT_S = 5.0
DEMO = Path("calls") / "demo.yaml"
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Bound to every address, dialled at the loopback's."""
STYLES = {"agent": "cyan", "caller": "green", "tool": "magenta", "barge-in": "yellow", "violation": "bold red"}


class _Step(argparse.Action):
    """Keeps `--say`, `--audio`, `--digits` and `--wait` in the order in which they were given."""

    def __call__(
        self, _parser: object, namespace: argparse.Namespace, values: Any, option_string: str | None = None
    ) -> None:
        kept = getattr(namespace, "steps", None) or []
        kept.extend((str(option_string).lstrip("-"), value) for value in values)
        namespace.steps = kept


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "call",
        help="place a simulated phone call",
        description="Place a simulated phone call: signed webhook, TwiML, media stream. Steps are done in the order "
        "given, each when the agent has been quiet for 1 s; without any, config/calls/demo.yaml is played. "
        "Exit: 0 completed, 1 not completed, 2 usage, 3 nobody at the URL.",
    )
    parser.add_argument("--say", nargs="+", action=_Step, metavar="TEXT", help="spoken words of the caller")
    parser.add_argument("--audio", nargs="+", action=_Step, metavar="F.wav", help="16-bit WAV files of the caller")
    parser.add_argument("--digits", nargs="+", action=_Step, metavar="1#", help="keys that the caller presses")
    parser.add_argument("--wait", nargs="+", action=_Step, type=float, metavar="S", help="seconds of silence")
    parser.add_argument("--language", default="en", choices=("en", "es", "zh"), help="of --say (default en)")
    parser.add_argument("--script", type=Path, metavar="F.yaml", help="a file as config/calls/demo.yaml")
    parser.add_argument(
        "--to", type=called_number, metavar="NUMBER", help="the number that is called (default +15550100002)"
    )
    parser.add_argument("--from", type=called_number, dest="caller", metavar="NUMBER", help="who calls (+15550100001)")
    parser.add_argument("--url", help="where the server is (default http://HOST:PORT)")
    parser.add_argument(
        "--out", type=Path, metavar="F.wav", help="stereo recording: left caller, right what they heard"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object and nothing else")
    parser.add_argument("--var", type=Path, dest="var_dir", help="the server's var directory (keys), default var")
    parser.add_argument("--config", type=Path, dest="config_dir", help="directory with calls/demo.yaml")
    parser.set_defaults(run=run, steps=None)


def called_number(text: str) -> str:
    """A number or address as Twilio would show it.

    Raises:
        argparse.ArgumentTypeError: it is neither.
    """
    if not re.fullmatch(r"\+[1-9][0-9]{2,14}|(sips?|client):\S+|anonymous", text):
        raise argparse.ArgumentTypeError(f"{text!r} is neither +E.164, sip:..., client:... nor anonymous")
    return text


def run(arguments: argparse.Namespace) -> int:
    """Place the call; the exit code says how it ended."""
    settings = read_settings(dict(os.environ), var_dir=arguments.var_dir, config_dir=arguments.config_dir)
    if arguments.steps and arguments.script:
        raise ConfigError("--script goes without --say, --audio and --digits")
    if arguments.out is not None and not arguments.out.parent.is_dir():
        raise ConfigError(f"--out {arguments.out}: there is no directory {arguments.out.parent}")
    steps = _steps(arguments, settings)
    url = (arguments.url or _default_url(settings)).rstrip("/")
    with asyncio.Runner() as runner:
        return runner.run(_place(arguments, settings, url, steps))


def _default_url(settings: Settings) -> str:
    host = ANY_ADDRESS.get(settings.host, settings.host)
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


def _steps(arguments: argparse.Namespace, settings: Settings) -> Sequence[Any]:
    # The simulator is imported only here and below: `ivr-bridge serve` works without its packages.
    from ivr_bridge.cli.call_file import CallStep, make_step, read_call_file  # noqa: PLC0415

    if not arguments.steps:
        return read_call_file(arguments.script or settings.config_dir / DEMO)
    steps, problems = [], []
    for kind, value in arguments.steps:
        try:
            steps.append(CallStep.model_validate({kind: value}))
        except ValidationError as error:
            problems += [f"--{kind} {value!r}: {remedy(fault)}" for fault in error.errors()]
    if problems:
        raise ConfigError(*problems)
    return [make_step(step, arguments.language) for step in steps]


async def _place(arguments: argparse.Namespace, settings: Settings, url: str, steps: Sequence[Any]) -> int:
    from ivr_bridge.cli.call_story import CallStory  # noqa: PLC0415
    from ivr_bridge.simulator.phone.line import SANDBOX_ACCOUNT_SID  # noqa: PLC0415
    from ivr_bridge.simulator.phone.phone import CallScript, Line, Phone, new_call_sid  # noqa: PLC0415

    console = Console(stderr=arguments.json, highlight=False, soft_wrap=True, emoji=False)

    def show(at_ms: float, who: str, text: str) -> None:
        if not arguments.json:
            console.print(f"[dim]{at_ms / 1000:6.1f} s[/]  [{STYLES.get(who, 'dim')}]{who:<9}[/] ", end="")
            console.print(text, markup=False)

    story = CallStory(show)
    answered = asyncio.Event()

    def phone_event(event: Any) -> None:
        if event.kind == "webhook_answered" and event.text.startswith("2"):
            answered.set()
        story.phone_event(event)

    call_sid = new_call_sid()
    numbers = {"called": arguments.to, "caller": arguments.caller}
    line = Line(
        server_url=url,
        in_real_time=True,
        public_base_url=settings.public_base_url,
        auth_token=await _auth_token(settings, url),
        account_sid=settings.twilio_account_sid or SANDBOX_ACCOUNT_SID,
        **{name: number for name, number in numbers.items() if number},
    )
    following = asyncio.create_task(_follow(url, call_sid, settings, story, answered))
    try:
        phone = Phone(line, on_event=phone_event)
        report = await phone.call(CallScript(tuple(steps)), call_sid=call_sid)
        if answered.is_set():
            await asyncio.wait([following], timeout=END_WAIT_S)
    finally:
        following.cancel()
        await asyncio.wait([following])
    account = story.account(report, _record(report, arguments.out))
    if arguments.json:
        sys.stdout.write(orjson.dumps(account).decode() + "\n")
    elif report.reason != NOBODY_REASON:
        _summary(console, account)
    if report.reason == NOBODY_REASON:
        print(f"ivr-bridge: nobody at {url}; start the server first: make run", file=sys.stderr)
        return NOBODY
    return COMPLETED if account["result"] == "completed" else NOT_COMPLETED


def _record(report: Any, path: Path | None) -> str | None:
    """Write the WAV file; its name, or None when there is none."""
    if path is None or not report.heard_pcm16:
        return None
    try:
        path.write_bytes(report.wav())
    except OSError as error:
        print(f"ivr-bridge: {path}: cannot be written: {error.strerror}", file=sys.stderr)
        return None
    return str(path)


async def _auth_token(settings: Settings, url: str) -> str:
    if settings.twilio_auth_tokens:
        return settings.twilio_auth_tokens[0]
    path = settings.var_dir / "twilio_auth_token"
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        if not await _somebody_at(url):
            return "none"  # nothing will be signed: the call itself finds out that nobody is there
        raise ConfigError(
            f"{path} cannot be read ({error.strerror}): start the server first (make run), give its --var, "
            "or set TWILIO_AUTH_TOKEN"
        ) from error


async def _somebody_at(url: str) -> bool:
    limit = aiohttp.ClientTimeout(total=CONNECT_LIMIT_S)
    try:
        async with aiohttp.ClientSession(timeout=limit) as session, session.get(f"{url}/healthz"):
            return True
    except (aiohttp.ClientConnectorError, aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError):
        return False
    except (aiohttp.ClientError, TimeoutError):
        return True


async def _follow(url: str, call_sid: str, settings: Settings, story: Any, answered: asyncio.Event) -> None:
    from ivr_bridge.cli.call_events import follow_call  # noqa: PLC0415

    await answered.wait()
    try:
        api_key = os.environ.get("IVR_BRIDGE_API_KEY") or (settings.var_dir / "api_key").read_text().strip()
        async with contextlib.aclosing(follow_call(url, call_sid, api_key)) as told:
            async for event in told:
                story.server_event(event)
    except (OSError, LookupError, ValueError, aiohttp.ClientError) as error:
        print(f"ivr-bridge: the server's account of the call is missing: {error}", file=sys.stderr)


def _summary(console: Console, account: dict[str, Any]) -> None:
    def ms(value: float | None) -> str:
        return "-" if value is None else f"{value:.0f} ms"

    latencies = ", ".join(ms(value) for value in account["turn_latency_ms"]) or "-"
    told = (f"{tool['name']} {'ok' if tool['ok'] else 'failed'}" for tool in account["tool_calls"])
    tools = escape(", ".join(told)) or "none"
    colour = "green" if account["result"] == "completed" else "red"
    console.print(
        f"\n[bold {colour}]{account['result']}[/] ({escape(account['reason'])})"
        f"   first word {ms(account['first_word_ms'])}   turns {len(account['turns'])}"
        f"   barge-ins {account['barge_ins']}   tools: {tools}\n"
        f"[dim]turn latencies[/] {latencies}"
    )
    for violation in account["violations"]:
        console.print(f"[bold red]Twilio would have complained:[/] {escape(violation)}")
    if account["recording"]:
        console.print(
            f"[dim]recording[/] {escape(account['recording'])} (left the caller, right what the caller heard)"
        )
