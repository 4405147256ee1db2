import pytest

from ivr_bridge.simulator.service.faults import BREAKS
from ivr_bridge.simulator.service.messages import ERROR_CODES, QUOTA, error
from ivr_bridge.simulator.service.stage import BROKEN


def test_what_breaks_and_is_no_connection_fault_closes():
    assert set(BROKEN) == set(BREAKS) - {"drop", "half_open"}


@pytest.mark.parametrize("fault", list(BROKEN))
def test_each_says_why_with_its_own_code(fault: str):
    ending = BROKEN[fault]
    assert ending.reason in str(error(ending.error_type, ending.reason))
    assert ending.code == (1002 if ending.error_type == QUOTA else ERROR_CODES[ending.error_type])
    assert len(ending.reason.encode()) <= 123
