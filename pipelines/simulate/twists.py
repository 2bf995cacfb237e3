"""What goes wrong, or differently: each stay has one twist at most, drawn from those that it can happen to.

A twist happens to `rate` of 100,000 stays and to one at least, so that a small fleet has every situation too.
"""

from dataclasses import dataclass

import duckdb

OWN = "kind like 'own%'"
NIGHT = "kind = 'own_night'"
CALLED = "event is not null"
GUEST = "kind like 'guest%'"
GENEROUS = f"{NIGHT} and amount_kind = 'discharge_energy' and answer_s >= 4800"


@dataclass(frozen=True)
class Twist:
    """A thing that happens to stays which fulfil `where` (columns of the work table `called`)."""

    name: str
    where: str
    rate: int


# Twists of leases come first: there are few guests to choose from.
TWISTS = (
    Twist("lease_granted_late", GUEST, 40),
    Twist("lease_without_consent", GUEST, 40),
    Twist("lease_consented_late", GUEST, 40),
    Twist("lease_revoked_midway", GUEST, 40),
    Twist("lease_revoked_before", GUEST, 40),
    Twist("lease_no_show", GUEST, 80),
    Twist("lease_idle", GUEST, 80),
    Twist("lease_overlapping", GUEST, 40),
    Twist("lease_given_twice", GUEST, 40),
    Twist("unpermitted", GUEST, 60),
    Twist("lease_at_public_place", "kind like 'public%'", 20),
    Twist("lease_of_own_car", f"{NIGHT}", 20),
    Twist("lease_during_own_stay", "kind = 'own_day'", 40),
    Twist("lease_pending", f"{NIGHT} and day = last_day - 1", 20),
    Twist("never_closed", f"{NIGHT} and day = last_day", 20),
    Twist("circle", GENEROUS, 60),
    Twist("delivers_nothing", GENEROUS, 40),
    Twist("delivers_little", GENEROUS, 40),
    Twist("delivers_too_much", GENEROUS, 40),
    Twist("two_places", f"{GENEROUS} and i % 20 < 4", 60),
    Twist("double_dispatch", f"{GENEROUS} and is_urgent_too", 100),
    Twist("backfeed_incapable", f"{NIGHT} and not is_capable", 60),
    Twist("signal_late", f"{OWN} and {CALLED}", 100),
    Twist("signal_mismatching", f"{OWN} and {CALLED}", 60),
    Twist("signal_reissued", f"{OWN} and {CALLED}", 400),
    Twist("signal_restored", f"{OWN} and {CALLED}", 60),
    Twist("signal_withdrawn", f"{OWN} and {CALLED}", 60),
    Twist("mismatch", f"{OWN} and {CALLED}", 150),
    Twist("unclosed", NIGHT, 60),
    Twist("overlapped", NIGHT, 60),
    Twist("unidentified", f"{OWN}", 100),
    Twist("unknown_vehicle", f"{OWN}", 40),
    Twist("unknown_evse", "kind = 'own_day'", 30),
    Twist("logged_twice", f"{OWN} and event is null", 60),
    Twist("log_corrected", f"{OWN} and {CALLED}", 100),
)

CANDIDATES = """
create table candidates as
select
    c.stay,
    c.i,
    c.kind,
    c.event,
    c.amount_kind,
    c.is_capable,
    c.point,
    c.day,
    least(c.b_s, c.ends_s) - greatest(c.a_s, c.starts_s) as answer_s,
    u.event is not null as is_urgent_too,
    getvariable('days') - 1 as last_day,
from called c
left join events u on u.region = c.region and u.day = c.day and u.letter = 'U'
where c.day between 0 and getvariable('days') - 1;
create table twists (stay bigint, twist varchar);
"""

PICK = """
insert into twists
select stay, '{name}'
from candidates c
anti join twists t using (stay)
where ({where}) and (day between 1 and last_day - 2 or '{name}' in ('lease_pending', 'never_closed'))
order by spread('{name}', stay), stay
limit (select greatest(1, count(*) * {rate} // 100000) from candidates)
"""


def draw_twists(connection: duckdb.DuckDBPyConnection) -> None:
    """The work table `twists` (stay, twist), one row a stay that something happens to."""
    connection.execute(CANDIDATES)
    for twist in TWISTS:
        connection.execute(PICK.format(name=twist.name, where=twist.where, rate=twist.rate))
    connection.execute("drop table candidates")
