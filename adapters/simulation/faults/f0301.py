"""F-0301, heartbeat lost: the charger falls silent, and the platform reports it after its grace period."""

from __future__ import annotations

import numpy as np

from ..chargers import Charger
from ..links import REBOOT_S
from ..plan import HOUR, MINUTE
from ..states import Outage
from ..streams import Generator, chance
from ..world import SiteWorld
from .registry import MOST_COMMON, cause

NETWORK, DROP, CYCLE, DNS, TLS = (
    f"F-0301/{name}"
    for name in (
        "site-network-outage",
        "unclean-websocket-drop",
        "power-cycle",
        "dns-failure",
        "tls-certificate-expired",
    )
)
GRACE_S = 75.0
"""After the last heartbeat until the platform reports the loss: two intervals of 30 s and some (dictionary F-0301)."""


def _silent(world: SiteWorld, charger: Charger, outage: Outage, cause_id: str) -> None:
    """Let a charger be away, and the platform report it."""
    world.lose_link(charger, outage)
    if outage.end - outage.begin > GRACE_S:
        world.fault(charger, None, outage.begin + GRACE_S, cause_id, "no heartbeat within the expected interval")


def lose_site(world: SiteWorld, begin: float, end: float, rng: Generator) -> None:
    """Let the site's network be out: all chargers behind it fall silent within half a minute."""
    for charger in world.chargers:
        if charger.access != world.site.access:
            continue
        first = begin + float(np.round(rng.uniform(0, 25), 1))
        back = end + float(np.round(rng.uniform(0, 40), 1))
        _silent(world, charger, Outage(first, back, handshake_ms=float(np.round(rng.uniform(180, 900)))), NETWORK)
        world.busy_until[charger.place] = end + HOUR
    if not chance(rng, 0.7):
        world.network = (None, None)
    else:
        world.network = ("down", begin) if end >= world.plan.end else ("up", end)


@cause(NETWORK, weight=MOST_COMMON, shared=True)
def site_network_outage(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """Router or access line are down: everything behind it is silent at once and back at once."""
    if charger.access != world.site.access:
        return False
    lose_site(world, moment, moment + float(np.round(rng.uniform(6 * MINUTE, 5 * HOUR))), rng)
    return True


@cause(DROP)
def unclean_drop(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """After some reconnects the connection dies without a closing handshake; only this charger is concerned."""
    for back in np.sort(rng.uniform(2 * MINUTE, 50 * MINUTE, int(rng.integers(1, 5))))[::-1]:
        begin = float(np.round(moment - back))
        world.lose_link(charger, Outage(begin, begin + float(np.round(rng.uniform(3, 20))), code=1006, noticed_s=2.0))
    reason = str(rng.choice(["pong timeout", "connection reset"])) if chance(rng, 0.5) else None
    away = Outage(
        moment, moment + float(np.round(rng.uniform(2, 20) * MINUTE)), code=1006, reason=reason, noticed_s=45.0
    )
    _silent(world, charger, away, DROP)
    return True


@cause(CYCLE)
def power_cycle(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """The charger restarts or loses its supply: all its sessions end, it boots, the heartbeat returns."""
    commanded = chance(rng, 0.35)
    away = REBOOT_S + (float(rng.uniform(0, 25)) if commanded else float(rng.uniform(0, 90 * MINUTE)))
    if commanded:
        world.command(charger, None, moment - 6, "reboot", "accepted" if chance(rng, 0.5) else "completed", away)
    elif chance(rng, 0.4):
        world.add(
            "grid", timestamp=moment, site_id=world.site.site_id, kind="outage", duration_s=float(np.round(away - 80))
        )
    world.stop_sessions(charger, moment, "power_loss" if chance(rng, 0.6) else "other")
    _silent(world, charger, Outage(moment, moment + float(np.round(away)), handshake_ms=310.0, noticed_s=40.0), CYCLE)
    if chance(rng, 0.6):
        world.alarm(charger, None, moment + float(np.round(away)) + 2, "controller started")
    return True


@cause(DNS)
def dns_failure(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """The base URL was changed to a name that the charger cannot resolve; at its next reconnect it stays away."""
    changed = moment - float(np.round(rng.uniform(1, 240) * MINUTE))
    world.add("configurations", timestamp=changed + 30, device_id=charger.device_id, base_url_changed_at=changed,
              config_profile_id=charger.profile, expected_config_profile_id=charger.profile,
              settings__heartbeat_interval_s=30.0, platform_settings__heartbeat_interval_s=30.0)  # fmt: skip
    reason = str(rng.choice(["getaddrinfo ENOTFOUND", "name resolution failed"])) if chance(rng, 0.5) else None
    end = moment + float(np.round(rng.uniform(6, 60) * HOUR))
    _silent(world, charger, Outage(moment, end, clean=True, code=1001, reason=reason, noticed_s=3.0), DNS)
    return True


@cause(TLS, shared=True)
def certificate_expired(world: SiteWorld, charger: Charger, moment: float, rng: Generator) -> bool:
    """A certificate ended; the next handshake is refused, and so are those of chargers with the same certificate."""
    ended = moment - float(np.round(rng.uniform(0, 90) * MINUTE))
    back = moment + float(np.round(rng.uniform(6, 60) * HOUR))
    reason = str(rng.choice(["TLS handshake failed", "certificate has expired"])) if chance(rng, 0.5) else None
    together = [
        other for other in world.chargers if other.batch == charger.batch and other.place not in world.busy_until
    ]
    for other in [charger, *(each for each in together if each.place != charger.place and chance(rng, 0.6))]:
        other.certificate_end = ended
        begin = moment if other is charger else ended + float(np.round(rng.uniform(0, 120) * MINUTE))
        _silent(world, other, Outage(begin, back, code=1015 if reason else 1006, reason=reason, noticed_s=5.0), TLS)
        world.busy_until[other.place] = back
    return True
