import os
import shutil
from collections import namedtuple
from pathlib import Path

import pytest
from pydantic import SecretStr

from ivr_bridge.doctor import machine
from ivr_bridge.doctor.machine import disk, store
from ivr_bridge.errors import BridgeError
from ivr_bridge.store.embedded import EmbeddedValkey
from tests.doctor.conftest import Scene
from tests.support.valkey_server import ValkeyServer

Usage = namedtuple("Usage", "total used free")


class TestDisk:
    async def test_a_disk_that_takes_what_is_written(self, scene: Scene, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(0, 0, 5 * 2**30))
        finding = await disk(scene.around())
        assert (finding.verdict, finding.found) == ("ok", f"{scene.var}: writable, 5120 MiB free")
        assert list(scene.var.iterdir()) == []

    async def test_a_directory_that_the_server_would_make(self, scene: Scene):
        finding = await disk(scene.around(var_dir=scene.var / "more" / "here"))
        assert finding.ok is True
        assert "can be made" in finding.found
        assert not (scene.var / "more").exists()

    @pytest.mark.parametrize(("free_mib", "verdict"), [(99, "failed"), (500, "warning")])
    async def test_a_full_disk(self, scene: Scene, monkeypatch: pytest.MonkeyPatch, free_mib: int, verdict: str):
        monkeypatch.setattr(shutil, "disk_usage", lambda _path: Usage(0, 0, free_mib * 2**20))
        finding = await disk(scene.around())
        assert finding.verdict == verdict
        assert finding.remedy.startswith("make room")

    async def test_a_directory_that_cannot_be_written(self, scene: Scene, monkeypatch: pytest.MonkeyPatch):
        def refuse(_fd: int) -> None:
            raise OSError(30, "Read-only file system")

        monkeypatch.setattr(os, "fsync", refuse)
        finding = await disk(scene.around())
        assert (finding.ok, finding.found) == (False, f"{scene.var} cannot be written: Read-only file system")

    async def test_a_parent_that_lets_nobody_in(self, scene: Scene, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(os, "access", lambda _path, _mode: False)
        assert (await disk(scene.around(var_dir=scene.var / "more"))).ok is False


class TestStore:
    async def test_a_redis_that_answers(self, scene: Scene, tmp_path: Path):
        server = ValkeyServer(tmp_path)
        await server.start()
        finding = await store(scene.around(redis_url=SecretStr(server.url)))
        await server.stop()
        assert finding.ok is True
        assert finding.found.startswith(f"{server.url}: ")
        assert "(median of 5)" in finding.found

    async def test_a_redis_that_is_not_there(self, scene: Scene, tmp_path: Path):
        finding = await store(scene.around(redis_url=SecretStr(f"unix://{tmp_path}/none.sock")))
        assert finding.ok is False
        assert "REDIS_URL" in finding.remedy

    async def test_a_redis_that_cannot_be_written(self, scene: Scene, tmp_path: Path):
        server = ValkeyServer(tmp_path)
        await server.start()
        store_of_it = machine.RedisStore(server.url)
        await store_of_it._redis.config_set("min-replicas-to-write", "1")
        finding = await store(scene.around(redis_url=SecretStr(server.url)))
        await store_of_it.close()
        await server.stop()
        assert finding.ok is False
        assert "NOREPLICAS" in finding.found

    async def test_one_of_our_own_is_tried_away_from_the_servers(self, scene: Scene):
        finding = await store(scene.around())
        assert finding.ok is True
        assert "a Valkey of our own runs here" in finding.found
        assert not (scene.var / "valkey").exists()

    async def test_one_of_our_own_that_cannot_be_run(self, scene: Scene, monkeypatch: pytest.MonkeyPatch):
        async def refuse(_folder: Path, _log: object) -> EmbeddedValkey:
            raise BridgeError("valkey ended with 1")

        monkeypatch.setattr(EmbeddedValkey, "start", refuse)
        finding = await store(scene.around())
        assert (finding.ok, finding.found) == (False, "the Valkey of our own cannot be run: valkey ended with 1")
        assert "REDIS_URL" in finding.remedy

    async def test_a_machine_without_one_works_with_memory(self, scene: Scene, monkeypatch: pytest.MonkeyPatch):
        async def none(_folder: Path, _log: object) -> None:
            return None

        monkeypatch.setattr(EmbeddedValkey, "start", none)
        assert (await store(scene.around())).verdict == "warning"
