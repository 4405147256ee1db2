import errno
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from ivr_bridge.cli import sandbox_child
from ivr_bridge.cli.main import main

SERVICE = "ivr_bridge.simulator.service.app"


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
    assert options == {"input_format": "ulaw_8000", "output_format": "ulaw_8000", "fault": None, "key": None}


def test_its_options(service: Service):
    assert main(["sandbox", "--port", "0", "--format", "pcm_16000", "--fault", "slow", "--key", "k"]) == 0
    assert service.asked is not None
    port, options = service.asked
    assert port == 0
    assert options == {"input_format": "pcm_16000", "output_format": "pcm_16000", "fault": "slow", "key": "k"}


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
