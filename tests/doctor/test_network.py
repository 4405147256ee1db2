import time

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from ivr_bridge.doctor.network import clock, latency_of
from ivr_bridge.doctor.probe import Answered, NoAnswer, Probes
from tests.doctor.conftest import SandboxVendor, Scene, finding_of
from tests.support.twilio_rest import FakeTwilio


class TestClock:
    async def test_a_clock_that_goes_right(self, scene: Scene, vendor: SandboxVendor, twilio: FakeTwilio):
        finding = await clock(scene.around(**vendor.settings(), **twilio.settings()))
        assert (finding.verdict, finding.found) == ("ok", "127.0.0.1: the same time, 127.0.0.1: the same time")

    @pytest.mark.parametrize(("wrong_s", "words"), [(-40, "behind"), (3600, "ahead")])
    async def test_a_clock_that_goes_wrong(self, scene: Scene, vendor: SandboxVendor, wrong_s: int, words: str):
        async def get(_url: str) -> Answered:
            return Answered(404, {"Date": "Sun, 22 Nov 2026 12:00:00 GMT"}, b"", 1.0)

        noon_unix_s = 1_795_348_800.5  # in the middle of that second
        around = scene.around(**vendor.settings(), now=lambda: noon_unix_s + wrong_s)
        around.probes.get = get  # type: ignore[method-assign]
        finding = await clock(around)
        assert (finding.ok, finding.found) == (False, f"127.0.0.1: we are {abs(wrong_s)} s {words}")
        assert "ntp" in finding.remedy

    async def test_a_little_is_told_and_does_no_harm(self, scene: Scene, vendor: SandboxVendor):
        finding = await clock(scene.around(**vendor.settings(), now=lambda: time.time() + 12))
        assert finding.ok is True
        assert "s ahead" in finding.found

    async def test_nobody_to_compare_with(self, scene: Scene):
        assert (await finding_of(clock, scene.around())).ok is None

    async def test_nobody_who_tells_the_time(self, scene: Scene, unused_tcp_port: int):
        around = scene.around(elevenlabs_base_url=f"http://127.0.0.1:{unused_tcp_port}", elevenlabs_api_key="k")
        finding = await finding_of(clock, around)
        assert (finding.ok, finding.found) == (None, "no vendor told the time")


class TestLatency:
    async def test_it_is_measured_and_stated(self, scene: Scene, vendor: SandboxVendor, twilio: FakeTwilio):
        around = scene.around(**vendor.settings(), **twilio.settings())
        for name in ("elevenlabs", "twilio"):
            finding = await latency_of(name)(around)
            assert finding.ok is True
            assert "ms (median of 5, " in finding.found

    async def test_far_away_is_advice(self, scene: Scene, vendor: SandboxVendor):
        around = scene.around(**vendor.settings())

        async def get(_url: str) -> Answered:
            return Answered(404, {}, b"", 301.0)

        around.probes.get = get  # type: ignore[method-assign]
        finding = await latency_of("elevenlabs")(around)
        assert (finding.verdict, finding.found) == ("warning", "127.0.0.1: 301 ms (median of 5, 301 to 301)")

    async def test_a_vendor_that_nobody_reaches(self, scene: Scene, unused_tcp_port: int):
        around = scene.around(elevenlabs_base_url=f"http://127.0.0.1:{unused_tcp_port}", elevenlabs_api_key="k")
        finding = await latency_of("elevenlabs")(around)
        assert finding.ok is False
        assert "no connection" in finding.found

    async def test_a_vendor_that_is_down(self, scene: Scene):
        async def handler(_request: web.Request) -> web.Response:
            return web.Response(status=503)

        app = web.Application()
        app.router.add_get("/", handler)
        server = TestServer(app)
        await server.start_server()
        url = str(server.make_url("")).rstrip("/")
        around = scene.around(elevenlabs_base_url=url, elevenlabs_api_key="k")
        finding = await latency_of("elevenlabs")(around)
        await server.close()
        assert (finding.ok, finding.found) == (False, "127.0.0.1 answers 503")

    @pytest.mark.parametrize("name", ["elevenlabs", "twilio"])
    async def test_who_is_not_used_is_not_asked(self, scene: Scene, name: str):
        finding = await finding_of(latency_of(name), scene.around())
        assert (finding.ok, finding.found) == (None, f"{name} is not used")

    async def test_a_server_that_is_not_there_is_told_by_its_own_check(
        self, scene: Scene, monkeypatch: pytest.MonkeyPatch
    ):
        async def get(_self: Probes, _url: str) -> Answered:
            raise NoAnswer("nobody", "start it")

        monkeypatch.setattr(Probes, "get", get)
        finding = await finding_of(latency_of("server"), scene.around())
        assert (finding.ok, finding.remedy) == (None, "see the check `server`")
