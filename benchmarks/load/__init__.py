"""The load generator: one process that plays the phone network and the agent's vendor around a bridge, cheaply."""
