"""Every call that our REST client can make.

`CALLS` is complete: tests/judges/test_rest_contract.py compares it with the client's public methods. A file that is
saved (`conversations.save_audio`) goes into the current folder.
"""

from tests.support.rest_account_calls import ACCOUNT_CALLS
from tests.support.rest_agent_calls import AGENT_CALLS

CALLS = [*AGENT_CALLS, *ACCOUNT_CALLS]
