"""What to do with the landing folders: order, instants of receipt, period, as-of, counts to expect."""

import json
from dataclasses import asdict
from pathlib import Path

from pipelines.simulate.world import DAY_S, World, utc_text
from pipelines.simulate.write import FOLDERS, LandingFile

# Days after the end of period and simulation at which the deliveries arrive; a run can follow each.
RECEIVED_AFTER_DAYS = (0, 4, 9)
SETTLED_AFTER_S = 3600


def write_plan(world: World, files: tuple[LandingFile, ...], path: Path) -> None:
    """Write plan.json: the deliveries in order, each with a run to make after it."""
    document = {
        "simulation": {
            "evses": world.evses,
            "days": world.days,
            "first_day": world.first_day.isoformat(),
            "seed": world.seed,
            "id_prefix": world.id_prefix,
            "regions": list(world.regions),
        },
        "time_zone": world.time_zone,
        "currency": world.currency.code,
        "currency_digits": world.currency.digits,
        "tariffs": "tariffs",
        "period": world.period,
        "as_of": utc_text(_received_s(world, 2) + SETTLED_AFTER_S),
        "deliveries": [_delivery(world, n, files) for n in range(len(FOLDERS))],
    }
    path.write_text(json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _received_s(world: World, n: int) -> int:
    return world.books_close_s + RECEIVED_AFTER_DAYS[n] * DAY_S


def _delivery(world: World, n: int, files: tuple[LandingFile, ...]) -> dict[str, object]:
    received_s = _received_s(world, n)
    return {
        "folder": FOLDERS[n],
        "received_at": utc_text(received_s),
        "as_of": utc_text(received_s + SETTLED_AFTER_S),
        "files": [asdict(file) for file in files if file.path.startswith(FOLDERS[n] + "/")],
    }
