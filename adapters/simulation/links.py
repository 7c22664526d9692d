"""Connections: when a charger is away from the platform, and what connection history and heartbeats show of it."""

from __future__ import annotations

import numpy as np

from .chargers import Charger
from .plan import DAY, HOUR, MINUTE
from .states import Outage
from .streams import chance, stream
from .world import SiteWorld

RECONNECTS_A_DAY = 0.25
"""Ordinary losses of a connection (our judgement; fewer than 5 a day are normal, figures.json storm)."""

BEATS_AROUND_S = 10 * MINUTE
"""Heartbeats are kept this long on both sides of a change or a fault, and before the end (our judgement of an archive that
thins them: each would be 2,880 a day and charger)."""

REBOOT_S = 95.0
"""Away during a restart: 90 s to boot (platform notes) and a handshake."""


def add_ordinary_losses(world: SiteWorld) -> None:
    """A reconnect now and then, mostly closed cleanly, and a rare restart: what sound chargers show as well."""
    rng = stream(world.plan.seed, "losses", world.site.index)
    for charger in world.chargers:
        rate = RECONNECTS_A_DAY * (1.8 if charger.access == "cellular" else 1.0)
        for begin in np.sort(
            rng.uniform(world.plan.begin + HOUR, world.plan.end - HOUR, rng.poisson(rate * world.plan.days))
        ):
            clean = chance(rng, 0.6)
            away = float(rng.uniform(2, 25))
            world.lose_link(
                charger,
                Outage(float(round(begin)), float(round(begin + away)), clean, 1001 if clean else 1006,
                       None, float(round(rng.uniform(120, 420))), noticed_s=1.0),
            )  # fmt: skip


def write_links(world: SiteWorld) -> dict[int, list[tuple[float, float]]]:
    """Write connections, heartbeats and the state of each charger; the spans in which each is away, merged."""
    away = {}
    rng = stream(world.plan.seed, "heartbeats", world.site.index)
    faults: dict[str, list[float]] = {}
    for record in world.lists.get("events", ()):
        if record["event_type"] == "fault":
            faults.setdefault(record["device_id"], []).append(record["timestamp"])
    for charger in world.chargers:
        outages = sorted(world.outages.get(charger.place, ()), key=lambda outage: (outage.begin, outage.end))
        spans = _merged([(outage.begin, outage.end) for outage in outages])
        away[charger.place] = spans
        _write_connections(world, charger, outages)
        _write_heartbeats(world, charger, spans, faults.get(charger.device_id, []), float(rng.uniform(0, 30)))
        _write_state(world, charger, spans)
    return away


def _merged(spans: list[tuple[float, float]]) -> list[tuple[float, float]]:
    merged: list[tuple[float, float]] = []
    for begin, end in sorted(spans):
        if merged and begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged


def _write_connections(world: SiteWorld, charger: Charger, outages: list[Outage]) -> None:
    device, end = charger.device_id, world.plan.end
    reached = -np.inf
    for outage in outages:
        if outage.begin < reached or outage.begin >= end:
            continue
        reached = outage.end
        if outage.quick:
            if outage.end < end:
                world.add("connections", timestamp=outage.end, device_id=device, transition="reconnect",
                          handshake_ms=outage.handshake_ms, reason=outage.reason)  # fmt: skip
            continue
        noticed = min(outage.begin + outage.noticed_s, outage.end)
        if noticed < end:
            world.add("connections", timestamp=noticed, device_id=device, transition="offline",
                      clean_close=outage.clean, close_code=outage.code, reason=outage.reason)  # fmt: skip
        if outage.end < end:
            world.add(
                "connections",
                timestamp=outage.end + 0.5,
                device_id=device,
                transition="online",
                handshake_ms=outage.handshake_ms,
            )


def _write_heartbeats(
    world: SiteWorld, charger: Charger, spans: list[tuple[float, float]], faults: list[float], phase: float
) -> None:
    """Heartbeats near changes and faults, and before the end; none while the charger is away."""
    plan, interval = world.plan, charger.settings["heartbeat_interval_s"]
    marks = [plan.end, *(edge for span in spans for edge in span if edge < plan.end), *faults]
    windows = _merged([(mark - BEATS_AROUND_S, mark + BEATS_AROUND_S) for mark in marks])
    if spans and spans[-1][1] >= plan.end:
        windows = _merged([*windows, (spans[-1][0] - 2 * interval, spans[-1][0])])
    for begin, end in windows:
        first = np.ceil((max(begin, plan.begin) - plan.begin - phase) / interval)
        beats = plan.begin + phase + interval * np.arange(first, first + (end - begin) / interval + 1)
        beats = beats[(beats >= max(begin, plan.begin)) & (beats < min(end, plan.end))]
        for span in spans:
            beats = beats[(beats < span[0]) | (beats >= span[1])]
        for beat in beats:
            world.add("heartbeats", timestamp=float(np.round(beat, 1)), device_id=charger.device_id, status="online")


def _write_state(world: SiteWorld, charger: Charger, spans: list[tuple[float, float]]) -> None:
    """The charger's record: online since its last change, or offline with its last heartbeat."""
    plan = world.plan
    record = charger.metadata(plan, world.site)
    before = [span for span in spans if span[0] < plan.end]
    lost = bool(before) and before[-1][1] >= plan.end
    if lost:
        since = before[-1][0]
        record |= {"last_heartbeat": since - 4.0}
        if plan.end - since > 60:
            record |= {"status": "offline", "offline_since": min(since + 60.0, plan.end)}
        else:
            record["status"] = "online"
    else:
        record |= {"status": "online", "last_heartbeat": plan.end - 1.0 - (charger.place * 7) % 27,
                   "online_since": before[-1][1] + 0.5 if before else plan.begin - min(charger.age_days, 20.0) * DAY}  # fmt: skip
    world.lists.setdefault("devices", []).append(record)
