"""What metadata tell: a defect's firmware, V2G, the end of the certificate, the radio signal."""

from __future__ import annotations

from ....engine.facts import MOMENT
from ...readings import DAY, Reading
from ...scene import Scene
from ..registry import measures
from .lines import days_until
from .ranges import Range, ranged

_SIGNAL = "connectivity.signal_strength_dbm"
_CERTIFICATE_END = "certificates.tls_not_after"

KNOWN_BY_METADATA = frozenset(
    {
        "age",
        "certificate_end",
        "connectivity_type",
        "days_to_certificate_end",
        "firmware_version",
        "metadata_signal",
        "v2g_capable",
    }
)
"""Facts that a charger's metadata alone can tell. Of a charger without other records only these are measured, since a fleet
knows most of its chargers by metadata only."""


AS_METADATA = {
    "connectivity_type": "connectivity.type",
    "firmware_version": "firmware_version",
    "v2g_capable": "v2g_capable",
}
"""Facts that one field of the metadata tells as it stands, and its dotted path: the same of all chargers that it is the same of."""


@measures("v2g_capable", "whether the charger can discharge vehicles, by its metadata", kind="flag")
def v2g_capable(scene: Scene) -> Reading | None:
    return scene.metadata("v2g_capable")


@measures("certificate_end", "the end of the charger's TLS certificate by its metadata, epoch seconds", unit=MOMENT)
def certificate_end(scene: Scene) -> Reading | None:
    return scene.metadata(_CERTIFICATE_END)


@measures(
    "days_to_certificate_end",
    "days from the diagnosis to the end of the charger's TLS certificate; negative where it ended before",
    unit="days",
)
def days_to_certificate_end(scene: Scene) -> Reading | None:
    return days_until(scene, certificate_end(scene))


@measures("metadata_signal", "received signal strength by the charger's metadata", unit="dBm", high=0)
def metadata_signal(scene: Scene) -> Reading | None:
    known = scene.metadata(_SIGNAL)
    return known if known is not None and float(known.value) < 0 else None


# Ranges

ranged(
    lambda known: Range(*2 * [(known.numbers(_CERTIFICATE_END) - known.as_of) / DAY]),
    "days_to_certificate_end",
    columns=(),
)
ranged(lambda known: Range(*2 * [known.numbers(_SIGNAL)]), "metadata_signal", columns=())
