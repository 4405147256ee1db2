"""Client tools: what an agent may ask this server to do during a call, as plain Python functions.

In travel order: `registry` has the `@tool` decorator and finds the functions; `tool` reads one function's type hints
and docstring into a schema; `context` is what a tool may ask of its call; `dispatch` runs them off the audio path and
sends exactly one result each; `threads` is where sync functions run. `builtin` are those every call has, `demo` is an
example.
"""
