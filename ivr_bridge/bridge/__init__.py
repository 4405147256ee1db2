"""One call: joins the caller's leg and the agent's leg, and ends exactly once."""
