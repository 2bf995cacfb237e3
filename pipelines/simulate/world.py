"""The frame of a simulation: what was asked for, its local days, and the draws that all is made of."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import duckdb

from pipelines.errors import BadInput

DAY_S = 86_400
MOST_EVSES = 1_000_000
MOST_DAYS = 400
FEWEST_EVSES = 20
FEWEST_DAYS = 7
NAME = r"[A-Za-z0-9][A-Za-z0-9._-]{0,15}"

Progress = Callable[[str], None]


class SimulationError(BadInput):
    """A fleet that was asked for cannot be simulated; the sentence says why."""


@dataclass(frozen=True)
class Currency:
    """Of fees: ISO code and digits of the smallest unit."""

    code: str
    digits: int


YEN = Currency("JPY", 0)
PENCE = Currency("GBP", 2)


@dataclass(frozen=True)
class World:
    """What one simulation was asked for; two equal worlds give equal bytes."""

    evses: int
    days: int
    first_day: date
    seed: int
    time_zone: str
    currency: Currency
    id_prefix: str
    regions: tuple[str, ...]

    def check(self) -> None:
        """Raise SimulationError where the numbers do not make a fleet."""
        if not FEWEST_EVSES <= self.evses <= MOST_EVSES:
            raise SimulationError(
                f"A simulated fleet has {FEWEST_EVSES:,} to {MOST_EVSES:,} EVSEs, not {self.evses:,};"
                " give another number."
            )
        if not FEWEST_DAYS <= self.days <= MOST_DAYS:
            raise SimulationError(
                f"A simulation lasts {FEWEST_DAYS} to {MOST_DAYS} days, not {self.days:,};"
                " give another number."
            )
        if not 1 <= len(self.regions) <= 50:
            raise SimulationError(f"A simulation has 1 to 50 regions, not {len(self.regions)}.")
        if len(set(self.regions)) != len(self.regions):
            raise SimulationError("The regions of a simulation need different names.")
        for name in (*self.regions, f"{self.id_prefix}R"):
            if not re.fullmatch(NAME, name):
                raise SimulationError(
                    f"{name!r} does not do in an id; give up to 16 letters, digits, '.', '_', '-', no sign"
                    " first."
                )
        try:
            ZoneInfo(self.time_zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise SimulationError(
                f"There is no time zone named {self.time_zone!r}; give a name such as Asia/Tokyo."
            ) from error

    def midnight_s(self, day: int) -> int:
        """Epoch second at which the local day `day` (0 is the first) begins."""
        local = datetime.combine(self.first_day + timedelta(days=day), time(), ZoneInfo(self.time_zone))
        return int(local.timestamp())

    @property
    def window_s(self) -> tuple[int, int]:
        """Epoch seconds of the simulated days, half-open."""
        return self.midnight_s(0), self.midnight_s(self.days)

    @property
    def period(self) -> str:
        """The settlement period to ask for: the month of the first day (R4)."""
        return f"{self.first_day:%Y-%m}"

    @property
    def period_s(self) -> tuple[int, int]:
        """Epoch seconds of that period, half-open."""
        first = self.first_day.replace(day=1)
        following = (first + timedelta(days=32)).replace(day=1)
        zone = ZoneInfo(self.time_zone)
        start, end = (datetime.combine(day, time(), zone) for day in (first, following))
        return int(start.timestamp()), int(end.timestamp())

    @property
    def books_close_s(self) -> int:
        """Epoch second from which the deliveries arrive: all that was simulated, and the period, is over."""
        return max(self.window_s[1] + DAY_S // 2, self.period_s[1])


def utc_text(epoch_s: int) -> str:
    """The instant as deliveries and the command write it."""
    return datetime.fromtimestamp(epoch_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


# The draws. DuckDB's own hash() may change with its version, and md5 of a text costs 50 times more (0.55
# against 0.01 microseconds). So: a 32-bit integer mix (multiply and shift), whose constant is the md5 of seed
# and purpose, which DuckDB folds. A draw depends on seed, purpose and key, on no row order and no thread.
DRAWS = """
create macro mix_1(x) as (xor(x, x >> 16) * 569420461) & 4294967295;
create macro mix_2(x) as (xor(x, x >> 15) * 3545902487) & 4294967295;
create macro mix_3(x) as xor(x, x >> 15);
create macro spread(purpose, key) as
    mix_3(mix_2(mix_1(xor(
        (key)::ubigint & 4294967295,
        md5_number_lower(getvariable('seed')::varchar || ':' || purpose) & 4294967295
    ))));
create macro draw(purpose, key, n) as (spread(purpose, key) % n)::bigint;
create macro chance(purpose, key, bp) as draw(purpose, key, 10000) < bp;
create macro one_in_bp(n, bp) as greatest(1, n * bp // 10000);
"""

NAMES = """
create macro numbered(kind, n) as getvariable('prefix') || kind || lpad(n::varchar, 7, '0');
create macro evse_id(i) as numbered('EV-', i);
create macro vehicle_id(v) as numbered('V-', v);
create macro point_id(point) as numbered('MP-', point);
create macro user_id(v) as numbered('U-', v);
create macro home_contract_id(i) as numbered('C-H', i);
create macro lot_contract_id(block) as numbered('C-L', block);
create macro unknown_id(kind, n) as numbered(kind || 'X', n);
create macro meets(from_1, to_1, from_2, to_2) as from_1 < to_2 and from_2 < to_1;
"""


def open_world(connection: duckdb.DuckDBPyConnection, world: World) -> None:
    """Macros, variables and the tables `days` and `regions`, on which all else is built."""
    for name, value in _variables(world).items():
        connection.execute(f"set variable {name} = ?", [value])
    connection.execute(DRAWS + NAMES)
    connection.execute("create table regions (region bigint, region_name varchar)")
    connection.executemany("insert into regions values (?, ?)", list(enumerate(world.regions)))
    connection.execute(
        "create table days (day bigint, from_s bigint, to_s bigint, label varchar, is_workday boolean)"
    )
    connection.executemany(
        "insert into days values (?, ?, ?, ?, ?)", [_day(world, n) for n in range(-1, world.days + 1)]
    )


def _variables(world: World) -> dict[str, int | str]:
    window_from_s, window_to_s = world.window_s
    return {
        "seed": world.seed,
        "prefix": world.id_prefix,
        "evses": world.evses,
        "days": world.days,
        "regions": len(world.regions),
        # enough cars without a place of their own for the visits of one part of a day
        "roaming": max(16, world.evses // 8),
        "window_from_s": window_from_s,
        "window_to_s": window_to_s,
        "long_ago_s": window_from_s - 200 * DAY_S,
        "currency_digits": world.currency.digits,
        "zone_offset_s": _offset_s(world),
        "zone_offset": _offset_text(_offset_s(world)),
    }


def _offset_s(world: World) -> int:
    local = datetime.combine(world.first_day, time(), ZoneInfo(world.time_zone))
    offset = local.utcoffset()
    assert offset is not None, "a zoned instant has an offset"
    return int(offset.total_seconds())


def _offset_text(offset_s: int) -> str:
    sign = "-" if offset_s < 0 else "+"
    return f"{sign}{abs(offset_s) // 3600:02d}:{abs(offset_s) % 3600 // 60:02d}"


def _day(world: World, day: int) -> tuple[int, int, int, str, bool]:
    local_date = world.first_day + timedelta(days=day)
    return (
        day,
        world.midnight_s(day),
        world.midnight_s(day + 1),
        f"{local_date:%Y%m%d}",
        local_date.weekday() < 5,
    )
