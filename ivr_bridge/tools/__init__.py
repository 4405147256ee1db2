"""Client tools: what an agent may ask this server to do during a call, as Python functions or as files of config.

In travel order: `registry` has the `@tool` decorator and finds the functions; `tool` reads one function's type hints
and docstring into a schema; `context` is what a tool may ask of its call; `dispatch` runs them off the audio path and
sends exactly one result each; `threads` is where sync functions run. `builtin` are those every call has, `demo` is an
example.

Tools without Python: `http_tool_file` reads `config/tools/`, `http_tool` makes a tool of each file, `schema_arguments`
holds what an agent says against its JSON schema. `http_request` sends them, and the `http` nodes of flows, past
`address_guard`, which lets nothing out to `addresses` that are neither public nor listed; `json_pointer` finds what is
spoken in the answer.
"""
