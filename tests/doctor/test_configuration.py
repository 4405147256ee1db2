import os
from pathlib import Path

import pytest

from ivr_bridge.cli.check import check
from ivr_bridge.config_file import Problem
from ivr_bridge.doctor.checklist import CHECKS
from ivr_bridge.doctor.configuration import config, settings, unread_settings
from ivr_bridge.errors import ConfigError
from ivr_bridge.settings import read_settings
from tests.doctor.conftest import Scene


async def test_settings_that_are_set_are_named_without_their_values(scene: Scene):
    around = scene.around(twilio_account_sid="AC-of-ours", port=1)
    assert (await settings(around)).found == "set: CONFIG_DIR, PORT, TWILIO_ACCOUNT_SID, VAR_DIR"


def test_settings_that_cannot_be_read_leave_nothing_to_ask():
    with pytest.raises(ConfigError) as caught:
        read_settings({"PORT": "70000", "MAX_CALLS": "none"})
    outcomes = unread_settings(caught.value, CHECKS)
    assert [outcome.check for outcome in outcomes] == [each.name for each in CHECKS]
    assert outcomes[0].finding.ok is False
    assert "PORT: " in outcomes[0].finding.found
    assert "MAX_CALLS: " in outcomes[0].finding.found
    assert {outcome.finding.ok for outcome in outcomes[1:]} == {None}


async def test_the_shipped_configuration_is_well(scene: Scene, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("FALLBACK_NUMBER", "+15550100")
    around = scene.around()
    around.check_config = lambda: check(scene.config, os.environ)
    finding = await config(around)
    assert (finding.verdict, finding.found) == ("ok", f"{scene.config}: no problem")


async def test_a_broken_file_fails_with_its_place(scene: Scene):
    scene.write("bridge.yaml", "language: xx\n")
    around = scene.around()
    around.check_config = lambda: check(scene.config, os.environ)
    finding = await config(around)
    assert finding.ok is False
    assert "bridge.yaml:1: language:" in finding.found
    assert "ivr-bridge check" in finding.remedy


async def test_a_few_problems_are_shown_and_the_others_counted(scene: Scene):
    around = scene.around()
    around.check_config = lambda: [Problem(Path("a.yaml"), line, "", "bad") for line in range(1, 6)]
    assert (await config(around)).found == "a.yaml:1: bad; a.yaml:2: bad; a.yaml:3: bad; and 2 more"


async def test_warnings_fail_nothing(scene: Scene):
    around = scene.around()
    around.check_config = lambda: [Problem(Path("a.yaml"), 1, "", "odd", severity="warning")]
    finding = await config(around)
    assert (finding.verdict, finding.found) == ("warning", f"{scene.config}: no problem, 1 warning")


async def test_a_missing_directory_fails(scene: Scene, tmp_path: Path):
    finding = await config(scene.around(config_dir=tmp_path / "none"))
    assert finding.ok is False
    assert "ivr-bridge init" in finding.remedy
