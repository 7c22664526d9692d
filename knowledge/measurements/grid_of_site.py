"""What the grid list holds of a charger's site and of its grid area."""

from __future__ import annotations

from ..observations import Record
from ..scene import Scene


def grid_records(scene: Scene) -> list[Record]:
    """The grid records that name the charger's site or its area, in the order of the list."""

    def load() -> list[Record]:
        rows: set[int] = set()
        for path, value in (("site_id", scene.site_id), ("area", scene.area)):
            if value is not None:
                rows.update(scene.fleet.rows("grid", path, value).tolist())
        records = scene.fleet.observations["grid"].records
        return [records[row] for row in sorted(rows)]

    return scene.shared_once(("grid records",), load)
