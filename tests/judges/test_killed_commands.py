"""`agents plan`, `agents apply` and `knowledge sync` as processes, each killed at 50 random points of its run.

The kill is SIGKILL, the account the sandbox's, over HTTP. Whatever the point, nothing is doubled or lost meanwhile, and
the next run ends where a run that nobody killed ends.
"""

import copy
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ivr_bridge.agents.handlers import read_handlers
from ivr_bridge.agents.loop_thread import LoopThread
from tests.support.kill_points import KillPoint, kill_points
from tests.support.killed_command import KILLED, KilledCommand
from tests.support.server_process import ROOT, clean_env
from tests.support.vendor_account import VendorAccount, vendor_account

pytestmark = pytest.mark.timeout(300)

N_POINTS = 50
N_TOOLS = len(read_handlers(ROOT / "config", "ivr_bridge.tools.demo"))
"""Of the shipped configuration."""
LONG = "Everything there is to know about it. " * 40
BEFORE = {"prices.md": f"Old prices. {LONG}", "hours.md": f"Hours. {LONG}", "gone.md": f"No longer. {LONG}"}
AFTER = {"prices.md": f"New prices. {LONG}", "hours.md": f"Hours. {LONG}", "menu.md": f"The menu. {LONG}"}
FOREIGN = "by hand"


class House:
    """A configuration, the account that was made from an older one of it, and a command to be killed."""

    def __init__(self, vendor: VendorAccount, folder: Path) -> None:
        self.vendor = vendor
        self.config = folder / "config"
        shutil.copytree(ROOT / "config", self.config)
        (self.config / "knowledge" / "sources.yaml").unlink()
        env = clean_env(ELEVENLABS_BASE_URL=vendor.url, ELEVENLABS_API_KEY="key", CONFIG_DIR=str(self.config))
        self.command = KilledCommand(vendor.kills, env, folder / "said.txt")
        self._shelves = (vendor.account.agents, vendor.account.tools, vendor.account.knowledge)
        self._kept: list[list[tuple[str, Any, Any]]] = []

    def know(self, files: dict[str, str]) -> None:
        """`config/knowledge/` has these files, and the desk's file names them."""
        folder = self.config / "knowledge"
        shutil.rmtree(folder)
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_text(text)
        self.change(
            "agents/desk.yaml", "knowledge: [", f"knowledge: [{', '.join(Path(name).stem for name in files)}] # "
        )

    def change(self, name: str, old: str, new: str) -> None:
        path = self.config / name
        text = path.read_text()
        assert text.count(old) == 1, (name, old)
        path.write_text(text.replace(old, new))

    def done(self, *command: str) -> None:
        code = self.command.run(*command)
        assert code == 0, self.command.said

    def make_ready_for(self, command: tuple[str, ...]) -> None:
        """Documents are told to agents that are there already."""
        if command[0] == "knowledge":
            self.done("agents", "apply", "--yes")
            self.keep()

    def keep(self) -> None:
        """The account as it is now is what `restore` brings back."""
        self._kept = [
            [(key, copy.deepcopy(shelf.get(key)), copy.deepcopy(shelf.hidden(key))) for key in shelf]
            for shelf in self._shelves
        ]

    def restore(self) -> None:
        for shelf, kept in zip(self._shelves, self._kept, strict=True):
            for key in shelf:
                shelf.remove(key)
            for key, document, hidden in kept:
                shelf.put(key, document, hidden)

    @property
    def account(self) -> dict[str, Any]:
        """Everything that is there, with names in the place of ids; doubles are there twice."""
        tools = {key: self.vendor.account.tools.get(key) for key in self.vendor.account.tools}
        told = {
            key: each["tool_config"]["name"] + each["tool_config"]["description"][-40:] for key, each in tools.items()
        }
        agents = []
        for document in self.vendor.account.agents.documents():
            agent = copy.deepcopy(document["conversation_config"]["agent"])
            prompt = agent["prompt"]
            prompt.pop("tools", None)
            prompt["tool_ids"] = sorted(told[each] for each in prompt.get("tool_ids", []))
            prompt["knowledge_base"] = sorted(each["name"] for each in prompt.get("knowledge_base", []))
            agents.append((document["name"], sorted(document.get("tags", [])), repr(agent)))
        return {"agents": sorted(agents), "tools": sorted(told.values()), "documents": self.vendor.documents}

    def has_lost_nothing(self) -> None:
        """In the middle of it all: one desk, and it can call and knows all that it could and did; so do others."""
        (desk,) = [each for each in self.vendor.account.agents.documents() if "ivr-bridge:desk" in each.get("tags", [])]
        prompt = desk["conversation_config"]["agent"]["prompt"]
        names = [(self.vendor.account.tools.get(each) or {})["tool_config"]["name"] for each in prompt["tool_ids"]]
        assert len(names) == len(set(names)) >= N_TOOLS
        known = self.vendor.known_by(desk["agent_id"])
        assert FOREIGN in known
        assert {"prices", "hours"} <= {each.split(":")[1] for each in known if each != FOREIGN}
        assert self.vendor.documents.count(FOREIGN) == 1


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Everything was applied and synced once; since then the files have changed, and somebody was at the account."""
    thread = LoopThread("vendor")
    try:
        with thread.enter(vendor_account()) as vendor:
            house = House(vendor, tmp_path)
            house.know(BEFORE)
            house.done("agents", "apply", "--yes")
            house.done("knowledge", "sync", "--yes")
            foreign = vendor.put_document("doc_foreign", FOREIGN)
            (desk,) = [each for each in vendor.account.agents.documents() if "ivr-bridge:desk" in each.get("tags", [])]
            mixed = copy.deepcopy(desk)
            mixed["conversation_config"]["agent"]["prompt"]["knowledge_base"].append(foreign)
            vendor.account.agents.put(desk["agent_id"], mixed)
            house.know(AFTER)
            shutil.copy(house.config / "agents" / "desk.yaml", house.config / "agents" / "night.yaml")
            house.change("agents/night.yaml", "name: Front desk", "name: Night desk")
            house.change("bridge.yaml", "tool_timeout_s: 15", "tool_timeout_s: 20")
            house.change("agents/prompts/desk.md", "You answer the telephone", "You pick up the phone")
            house.keep()
            yield house
    finally:
        thread.close()


@pytest.mark.parametrize("command", [("agents", "apply", "--yes"), ("knowledge", "sync", "--yes")], ids=" ".join)
def test_killed_at_any_point_the_next_run_ends_the_work(house: House, command: tuple[str, ...]) -> None:
    house.make_ready_for(command)
    before = house.account
    house.done(*command)
    n_requests, wanted = house.vendor.kills.n_requests, house.account
    assert wanted != before
    points = list(kill_points(n_requests, N_POINTS))
    assert len({point.request for point in points}) > min(n_requests, N_POINTS) // 2, "they are spread"
    for number, point in enumerate(points):
        house.restore()
        assert house.command.run(*command, point=point) == KILLED, (point, house.command.said)
        house.has_lost_nothing()
        if number % 5 == 0:  # and once more, somewhere in what was left to do
            house.command.run(*command, point=KillPoint(point.request // 2, point.when))
            house.has_lost_nothing()
        house.done(*command)
        assert house.account == wanted, point


@pytest.mark.parametrize(
    ("command", "words"), [("agents apply", "steps are done; run it again"), ("knowledge sync", "run it again")]
)
def test_interrupted_it_says_so_and_the_next_run_ends_the_work(house: House, command: str, words: str) -> None:
    run = (*command.split(), "--yes")
    house.make_ready_for(run)
    house.done(*run)
    n_requests, wanted = house.vendor.kills.n_requests, house.account
    for when in ("before", "after"):
        house.restore()
        point = KillPoint(n_requests * 2 // 3, when)  # type: ignore[arg-type]
        assert house.command.run(*run, point=point, by=signal.SIGINT) == 130
        assert words in house.command.said
        assert "Traceback" not in house.command.said
        house.done(*run)
        assert house.account == wanted


def test_a_plan_that_is_killed_has_changed_nothing(house: House) -> None:
    before = house.account
    assert house.command.run("agents", "plan") == 0, house.command.said
    for point in kill_points(house.vendor.kills.n_requests, N_POINTS):
        assert house.command.run("agents", "plan", point=point) == KILLED, point
    assert house.account == before
