"""The commands an operator types: `ivr-bridge serve`, `call`, `sandbox`, `tail`, `init`."""
