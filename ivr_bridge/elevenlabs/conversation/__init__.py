"""One conversation with an agent, from the outside in.

dialling.py         signed URL, public or by key: opens conversations of one agent
socket.py           the WebSocket around the protocol: answers pings, waits for the formats, ends in one event
protocol.py         what may be said when: text in, events out                                              pure
server_messages.py  one message of the vendor -> one event                                                  pure
events.py           what the vendor can say                                                                 pure
"""
