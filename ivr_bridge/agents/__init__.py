"""Agents, tools and knowledge as code: what `config/` wants, what the vendor has, and the way from one to the other."""
