"""`ivr-bridge sandbox`: play ElevenLabs on a port, with an agent that listens and speaks."""

import argparse
import asyncio
from pathlib import Path
from typing import Any

from ivr_bridge.cli.sandbox_child import READY, require_extra
from ivr_bridge.errors import ConfigError


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "sandbox",
        help="play ElevenLabs on a port: REST, conversation WebSocket, text to speech",
        description="Play ElevenLabs, offline, with an agent that listens and speaks. Any xi-api-key is accepted.",
    )
    parser.add_argument("--port", type=int, default=8090, help="0 takes a free one (default 8090)")
    parser.add_argument("--format", default="ulaw_8000", help="what the agent hears and speaks, e.g. pcm_16000")
    parser.add_argument("--key", action="append", help="accept only this xi-api-key; may be given several times")
    parser.add_argument("--state", metavar="DIR", type=Path, help="keep agents, tools, documents ... in this folder")
    parser.add_argument(
        "--openapi", metavar="FILE", type=Path, help="the vendor's OpenAPI file: its examples answer all else"
    )
    parser.add_argument("--record", action="store_true", help="record conversations, for their audio")
    parser.add_argument("--webhook-url", metavar="URL", help="tell each finished conversation here")
    parser.add_argument("--webhook-secret", metavar="S", help="sign that with this secret")
    parser.add_argument(
        "--hears",
        metavar="FILE",
        type=Path,
        help="what the caller's spoken turns are understood as, one a line (or a YAML list): for es and zh",
    )
    parser.add_argument("--fault", metavar="NAME", help="misbehave; an unknown name lists them all")
    parser.add_argument(
        "--fault-conversations", metavar="N", type=int, help="so many conversations have the fault (default: all)"
    )
    parser.add_argument(
        "--fault-after", metavar="N", type=int, default=0, help="so many conversations are well before (default 0)"
    )
    parser.add_argument(
        "--fault-at", metavar="S", type=float, help="break S seconds into a conversation, not after its greeting"
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve in the foreground until Ctrl-C."""
    if not 0 <= arguments.port <= 65535:
        raise ConfigError(f"--port {arguments.port}: must be 0 to 65535")
    if (arguments.webhook_url is None) != (arguments.webhook_secret is None):
        raise ConfigError("--webhook-url and --webhook-secret: both or none")
    require_extra("ivr-bridge sandbox")
    from ivr_bridge.simulator.service.app import run_service  # noqa: PLC0415 - needs the extra [sandbox]

    service = run_service(
        arguments.port,
        output_format=arguments.format,
        input_format=arguments.format,
        fault=arguments.fault,
        fault_conversations=arguments.fault_conversations,
        fault_after=arguments.fault_after,
        fault_at_s=arguments.fault_at,
        hears=None if arguments.hears is None else _transcripts(arguments.hears),
        key=arguments.key,
        state=arguments.state,
        openapi=arguments.openapi,
        record=arguments.record,
        webhook=None if arguments.webhook_url is None else (arguments.webhook_url, arguments.webhook_secret),
        on_ready=lambda port: print(f"{READY}http://127.0.0.1:{port}", flush=True),
    )
    try:
        asyncio.run(service)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ConfigError(f"port {arguments.port} cannot be bound: {error.strerror}; try another --port") from error
    return 0


def _transcripts(file: Path) -> tuple[str, ...]:
    """What stands in the file of --hears."""
    from ivr_bridge.simulator.service.transcripts import read_transcripts  # noqa: PLC0415 - needs the extra [sandbox]

    try:
        return read_transcripts(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"--hears {file}: cannot be read as text: {error}") from error
