"""Measurements of the connection: when and with whom a charger fell silent, what came before, and a storm's rhythm.

Below stand `history` (connections, heartbeats), `payload` (what the fault itself tells), `loss` (the moment of the
loss) and `storm` (the span of a reconnect storm); every other room measures one theme on top of them.
"""

from . import (  # noqa: F401 - declares the measurements of each room
    base_url,
    before_loss,
    certificates,
    changes,
    history,
    keepalive,
    loss,
    mentions,
    messages,
    network,
    outages,
    payload,
    peers,
    power,
    storm,
    storm_peers,
    traffic,
)
