"""R22 and R27: outcomes of leases."""

from datetime import timedelta
from itertools import product
from typing import Any

import pytest

from tests.settlement.given import AS_OF, instant, settled

_UNUSED = {"has_leased_segment": False, "eligible_in_cover": False, "backfeed_wh": 0}
_LITTLE = {"backfeed_wh": 300, "dr_import_wh": 199}


@pytest.mark.parametrize(
    ("lease", "outcome"),
    [
        (_UNUSED | {"public_at_start": True}, "not_needed"),
        (_UNUSED | {"specific_at_start": True}, "not_needed"),
        (_UNUSED | {"eligible_in_cover": True}, "not_needed"),
        (_UNUSED | {"public_at_start": True, "cover_is_empty": True}, "not_needed"),  # the first that holds
        ({"public_at_start": True}, "fulfilled"),  # needed, since it has a leased segment
        (_UNUSED | {"cover_is_empty": True}, "revoked"),
        (_UNUSED | {"cover_is_empty": True, "ends_at": AS_OF + timedelta(seconds=1)}, "revoked"),
        ({"ends_at": AS_OF + timedelta(seconds=1)}, "pending"),  # even though it has exchanged enough
        ({"ends_at": AS_OF}, "fulfilled"),
        ({"backfeed_wh": 300, "dr_import_wh": 200}, "fulfilled"),
        ({"lacks_read": True}, "fulfilled"),
        (_LITTLE | {"lacks_read": True}, "pending"),
        (_LITTLE | {"open_session": True}, "pending"),
        (_LITTLE, "lapsed"),
        (_UNUSED, "lapsed"),  # did not come
    ],
)
def test_the_first_that_holds(lease: dict[str, Any], outcome: str) -> None:
    settlement = settled(lease_exchanges=[lease])
    assert settlement.lease_outcomes["outcome"].item() == outcome


def test_every_combination_agrees_with_the_rule_read_aloud() -> None:
    flags = (
        "cover_is_empty", "has_leased_segment", "public_at_start", "specific_at_start", "eligible_in_cover",
        "lacks_read", "open_session", "ended", "enough",
    )  # fmt: skip
    rows, expected = [], {}
    for number, values in enumerate(product((False, True), repeat=len(flags))):
        is_ = dict(zip(flags, values, strict=True))
        lease_id = f"L{number:04}"
        row: dict[str, Any] = {name: is_[name] for name in flags[:7]} | {"lease_id": lease_id}
        row |= {"ends_at": instant("2023-12-06T00:00:00") if is_["ended"] else instant("2024-02-01T00:00:00")}
        rows.append(row | {"backfeed_wh": 500 if is_["enough"] else 499})
        grounds = is_["public_at_start"] or is_["specific_at_start"] or is_["eligible_in_cover"]
        if not is_["has_leased_segment"] and grounds:
            expected[lease_id] = "not_needed"
        elif is_["cover_is_empty"]:
            expected[lease_id] = "revoked"
        elif not is_["ended"]:
            expected[lease_id] = "pending"
        elif is_["enough"]:
            expected[lease_id] = "fulfilled"
        else:
            expected[lease_id] = "pending" if is_["lacks_read"] or is_["open_session"] else "lapsed"
    outcomes = settled(lease_exchanges=rows).lease_outcomes
    assert dict(outcomes.select("lease_id", "outcome").rows()) == expected


def test_a_lease_of_another_period_has_no_outcome_here() -> None:
    settlement = settled(lease_exchanges=[{"overlaps_period": False} | _LITTLE])
    assert settlement.lease_outcomes.is_empty()
    assert settlement.exceptions.is_empty()


def test_a_lapsed_lease_is_listed_with_what_to_do() -> None:
    settlement = settled(lease_exchanges=[_LITTLE, {"lease_id": "L2"}], exceptions=[{}])
    lapsed, missing = settlement.exceptions.to_dicts()
    assert (lapsed["code"], missing["code"]) == ("lapsed_lease", "missing_read")
    assert lapsed["detail"] == (
        "Only 499 Wh of the 500 Wh that the lease requires were exchanged, and its lines earn nothing:"
        " ask the user of the vehicle why. If reads or sessions are missing, have them delivered and "
        "settle the period again."
    )
    assert (lapsed["lease_id"], lapsed["evse_id"], lapsed["vehicle_id"]) == ("L1", "S1", "V1")
    assert (lapsed["dr_event_id"], lapsed["session_id"], lapsed["local_date"], lapsed["energy_wh"]) == (
        "",
        "",
        None,
        None,
    )
