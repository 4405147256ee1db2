"""Text to audio outside the agent: prompts that an operator wrote, and the agent's first message.

In travel order: `prompt_file` reads config/prompts/; `recipe` says all that decides how a text sounds, and `voice` who
speaks; `synthesizer` makes mu-law of it; `prompt_cache` keeps it; `prompts` has every prompt ready to be played.
"""
