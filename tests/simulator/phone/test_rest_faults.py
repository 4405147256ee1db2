import pytest

from ivr_bridge.errors import ConfigError
from ivr_bridge.simulator.phone.rest_faults import REST_FAULTS, RestFault


def test_a_fault_hits_as_many_requests_as_it_says_of_those_it_is_for():
    fault = RestFault("busy", times=2, method="POST", path="/Calls")
    hits = [fault.fits(*request) for request in (("GET", "/Calls.json"), ("POST", "/Recordings.json"))]
    assert hits == [False, False]
    assert [fault.fits("POST", "/x/Calls.json") for _ in range(3)] == [True, True, False]
    assert RestFault("late").fits("DELETE", "/anything")


def test_only_faults_that_exist():
    with pytest.raises(ConfigError, match="reset_after"):
        RestFault("tired")
    assert len(REST_FAULTS) == 6
