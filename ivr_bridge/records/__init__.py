"""What must not be lost: calls and what became of them, voicemails, callbacks, dials, the index of recordings.

A row's way: `records` (what happened) -> `journal` (on this machine's disk, at once) -> `database` (SQL, when it can).
Nothing here waits for the database, and nothing of a call waits for the disk unless a caller was promised something.
"""
