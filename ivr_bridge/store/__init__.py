"""What every server process may share and may lose: one-time tokens, cached answers, rendered prompts.

`store` is what the others see. `redis_store` speaks to Redis or Valkey, `memory_store` is this process's own memory,
`resilient_store` joins the two, so that nobody waits for a store that is gone. `embedded` runs a Valkey as a child
process where no `REDIS_URL` is set. `open_store` chooses. `aged_values` adds how old a value is.
What must not be lost belongs in records/, never here.
"""
