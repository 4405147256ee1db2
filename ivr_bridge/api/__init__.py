"""What HTTP clients may ask: health, and a call's events under /api/v1, behind one door.

`door_keeper` is the middleware that every request passes; `problems` is how an error looks; the rest are handlers, each
with an `add_routes`.
"""
