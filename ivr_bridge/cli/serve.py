"""`ivr-bridge serve`: everything that a number needs, until Ctrl-C or SIGTERM."""

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

from ivr_bridge.app import Bridge, build_app
from ivr_bridge.audio.hold_music import hold_music
from ivr_bridge.cli.sandbox_child import SandboxChild
from ivr_bridge.errors import ConfigError
from ivr_bridge.settings import Settings, read_settings
from ivr_bridge.telemetry.call_feed import CallFeeds
from ivr_bridge.telemetry.log import Log, configure_logging


def add_parser(commands: Any) -> None:
    """Add the command."""
    parser = commands.add_parser("serve", help="take calls", description="Take calls until Ctrl-C or SIGTERM.")
    parser.add_argument("--host", help="address to bind (HOST, default 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to bind (PORT, default 8080; 0 takes a free one)")
    parser.add_argument("--config", type=Path, dest="config_dir", help="directory with bridge.yaml (default config)")
    parser.add_argument("--var", type=Path, dest="var_dir", help="directory for what the program writes (default var)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve; 0 after a proper end, 1 when the second Ctrl-C cut it short."""
    hold_music()  # made once, and not in the first call that waits
    settings = read_settings(
        dict(os.environ),
        host=arguments.host,
        port=arguments.port,
        config_dir=arguments.config_dir,
        var_dir=arguments.var_dir,
    )
    if not (settings.config_dir / "bridge.yaml").is_file():
        raise ConfigError(
            f"{settings.config_dir}/bridge.yaml is not there: ivr-bridge init . writes the default config"
        )
    try:
        settings.var_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{settings.var_dir}: cannot be made: {error.strerror}; give another --var") from error
    pretty = sys.stdout.isatty() if settings.log_format == "auto" else settings.log_format == "pretty"
    configure_logging(pretty=pretty, level=settings.log_level, show_pii=settings.log_pii)
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        return runner.run(_serve(settings))


def _loop_factory() -> Any:
    try:
        import uvloop  # noqa: PLC0415 - there is none for every platform
    except ImportError:
        return None
    return uvloop.new_event_loop


async def _serve(settings: Settings) -> int:
    feeds = CallFeeds()
    log = Log(feeds)
    signals = _Signals()
    sandbox = None
    if settings.elevenlabs_api_key is None:
        sandbox = await SandboxChild.start(log)
        settings = sandbox.settings_for(settings)
    try:
        bridge = await build_app(settings, log, feeds)
        try:
            try:
                url = await bridge.start()
            except OSError as error:
                where = f"{settings.host}:{settings.port}"
                raise ConfigError(f"{where} cannot be bound: {error.strerror}; try another PORT") from error
            signals.reload_on_hangup(bridge)
            _welcome(bridge, url, offline=sandbox is not None)
            return await _until_told(bridge, signals)
        finally:
            await bridge.close()
    finally:
        if sandbox is not None:
            await sandbox.stop()


class _Signals:
    """The first SIGINT or SIGTERM asks, the second insists."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.insisted = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, self._came)
        self._reloads: set[asyncio.Task[bool]] = set()

    def reload_on_hangup(self, bridge: Bridge) -> None:
        """SIGHUP reads the configuration anew; the terminal's own means nothing else to a server."""

        def came() -> None:
            task = asyncio.ensure_future(bridge.current.reload("SIGHUP"))
            self._reloads.add(task)
            task.add_done_callback(self._reloads.discard)

        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, came)

    def _came(self) -> None:
        (self.insisted if self.asked.is_set() else self.asked).set()


async def _until_told(bridge: Bridge, signals: _Signals) -> int:
    await signals.asked.wait()
    drain = asyncio.create_task(bridge.desk.drain(bridge.settings.drain_s))
    insisted = asyncio.create_task(signals.insisted.wait())
    if len(bridge.desk.calls):
        print(f"ivr-bridge: finishing {len(bridge.desk.calls)} calls; Ctrl-C again ends at once", file=sys.stderr)
    done, _ = await asyncio.wait((drain, insisted), return_when=asyncio.FIRST_COMPLETED)
    for task in (drain, insisted):
        task.cancel()
    await asyncio.wait((drain, insisted))
    if drain not in done:
        return 1
    drain.result()
    return 0


def _welcome(bridge: Bridge, url: str, *, offline: bool) -> None:
    """The address and the next step, for the person who typed the command: on stderr, stdout is the log's."""
    lines = [f"ivr-bridge serves on {url}"]
    if bridge.made_api_key is not None:
        lines.append(f"API key (shown once, kept in {bridge.settings.var_dir / 'api_key'}): {bridge.made_api_key}")
    if offline:
        lines.append("the offline agent answers (set ELEVENLABS_API_KEY and ELEVENLABS_AGENT_ID for a real one)")
    if bridge.settings.public_base_url is None:
        lines.append("place a simulated call: make call   (or: ivr-bridge call)")
    else:
        lines.append(f"the number's voice URL: {bridge.settings.public_base_url}/twilio/voice#rc=2&rp=ct,rt,5xx")
    print("\n".join(f"  {line}" for line in lines), file=sys.stderr, flush=True)
