import pytest

from ivr_bridge.simulator.phone.callees import Callee, machine
from ivr_bridge.simulator.phone.machine_detection import detect

from .scripted_bridge import tone


@pytest.mark.parametrize(
    ("callee", "mode", "answered_by", "after_ms"),
    [
        (Callee(), "Enable", "human", "500"),
        (Callee(), "DetectMessageEnd", "human", "500"),
        (Callee(answered_by="fax", detected_after_s=2.0), "Enable", "fax", "2000"),
        (machine(tone(1000)), "Enable", "machine_start", "500"),
        (machine(tone(1000)), "DetectMessageEnd", "machine_end_beep", "1400"),
        (Callee(answered_by="machine"), "DetectMessageEnd", "machine_end_other", "500"),
    ],
)
def test_what_is_found_and_when(callee, mode, answered_by, after_ms):
    verdict = detect(callee, mode)
    assert verdict.params == {"AnsweredBy": answered_by, "MachineDetectionDuration": after_ms}
