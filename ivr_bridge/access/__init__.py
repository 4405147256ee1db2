"""Keys of this machine and the doors they open.

`doors` says which proof a path asks for, `machine_secret` makes a secret once for all servers of a checkout, `api_key`
knows the keys of HTTP clients by their hashes.
"""
