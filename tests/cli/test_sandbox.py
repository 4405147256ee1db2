import errno
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ivr_bridge.cli import sandbox_child
from ivr_bridge.cli.main import main

SERVICE = "ivr_bridge.simulator.service.app"
DEFAULTS: dict[str, Any] = {
    "input_format": "ulaw_8000",
    "output_format": "ulaw_8000",
    "fault": None,
    "fault_conversations": None,
    "fault_after": 0,
    "fault_at_s": None,
    "hears": None,
    "key": None,
    "state": None,
    "openapi": None,
    "record": False,
    "webhook": None,
}


class Service:
    """Stands in for the sandbox: what it was asked for, and how it ends."""

    def __init__(self) -> None:
        self.asked: tuple[int, dict[str, Any]] | None = None
        self.ends: BaseException | None = None

    async def run(self, port: int, *, on_ready: Callable[[int], None], **options: Any) -> None:
        self.asked = (port, options)
        on_ready(4711)
        if self.ends is not None:
            raise self.ends


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    service = Service()
    module = ModuleType(SERVICE)
    module.run_service = service.run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, SERVICE, module)
    monkeypatch.setattr(sandbox_child, "NEEDED_MODULES", ())
    return service


def test_the_first_line_on_stdout_is_its_address(service: Service, capsys: pytest.CaptureFixture[str]):
    assert main(["sandbox"]) == 0
    assert capsys.readouterr() == ("sandbox ready at http://127.0.0.1:4711\n", "")
    assert service.asked is not None
    port, options = service.asked
    assert port == 8090
    assert options == DEFAULTS


def test_its_options(service: Service, tmp_path: Path):
    file = tmp_path / "caller.yaml"
    file.write_text("- Hola.\n- 你好\n", "utf-8")
    given = ["--port", "0", "--format", "pcm_16000", "--fault", "drop", "--key", "k", "--hears", str(file)]
    given += ["--key", "l", "--state", str(tmp_path / "kept"), "--openapi", "spec.json", "--record"]
    given += ["--webhook-url", "https://example.com/w", "--webhook-secret", "s"]
    assert main(["sandbox", *given, "--fault-conversations", "2", "--fault-after", "1", "--fault-at", "2.5"]) == 0
    assert service.asked is not None
    port, options = service.asked
    assert port == 0
    assert options == {
        "input_format": "pcm_16000",
        "output_format": "pcm_16000",
        "fault": "drop",
        "fault_conversations": 2,
        "fault_after": 1,
        "fault_at_s": 2.5,
        "hears": ("Hola.", "你好"),
        "key": ["k", "l"],
        "state": tmp_path / "kept",
        "openapi": Path("spec.json"),
        "record": True,
        "webhook": ("https://example.com/w", "s"),
    }


@pytest.mark.parametrize("one", [["--webhook-url", "https://example.com"], ["--webhook-secret", "s"]])
def test_a_webhook_needs_both(service: Service, capsys: pytest.CaptureFixture[str], one: list[str]):
    assert main(["sandbox", *one]) == 2
    assert capsys.readouterr().err == "ivr-bridge: --webhook-url and --webhook-secret: both or none\n"
    assert service.asked is None


def test_transcripts_that_cannot_be_read(service: Service, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    file = tmp_path / "caller.txt"
    assert main(["sandbox", "--hears", str(file)]) == 2
    file.write_bytes(b"\xff\xfe\xff")
    assert main(["sandbox", "--hears", str(file)]) == 2
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith(f"ivr-bridge: --hears {file}: cannot be read as text")
    assert second.startswith(f"ivr-bridge: --hears {file}: cannot be read as text")
    assert service.asked is None


@pytest.mark.parametrize("port", ["-1", "65536"])
def test_a_port_that_is_none(service: Service, capsys: pytest.CaptureFixture[str], port: str):
    assert main(["sandbox", "--port", port]) == 2
    assert capsys.readouterr().err == f"ivr-bridge: --port {port}: must be 0 to 65535\n"
    assert service.asked is None


def test_a_port_that_is_taken(service: Service, capsys: pytest.CaptureFixture[str]):
    service.ends = OSError(errno.EADDRINUSE, "Address already in use")
    assert main(["sandbox", "--port", "8090"]) == 2
    assert (
        capsys.readouterr().err == "ivr-bridge: port 8090 cannot be bound: Address already in use; try another --port\n"
    )


def test_without_the_extra_it_says_the_command(
    service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr(sandbox_child, "NEEDED_MODULES", ("json", "not_installed_here"))
    assert main(["sandbox"]) == 2
    assert "pip install 'ivr-bridge[sandbox]'" in capsys.readouterr().err
    assert service.asked is None
