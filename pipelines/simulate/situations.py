"""The situations that a simulated month should have, and where to find each (see `coverage`)."""

# group -> situation -> what to count: the rest of a `select count(*)`, or the name of a count of the reads.
SITUATIONS: dict[str, dict[str, str]] = {
    "dispatch": {
        "suppression events": "from now_dr_events where direction = 'suppression'",
        "increase events": "from now_dr_events where direction = 'increase'",
        "signals discharge_energy": "from now_dr_signals where amount_kind = 'discharge_energy'",
        "signals charging_power_limit": "from now_dr_signals where amount_kind = 'charging_power_limit'",
        "signals charge_energy": "from now_dr_signals where amount_kind = 'charge_energy'",
        "signals charging_power": "from now_dr_signals where amount_kind = 'charging_power'",
        "events off the half hour": "from now_dr_events where starts_at % 1800 <> 0",
        "events across local midnight": """
            from now_dr_events e
            inner join days d on e.starts_at < d.to_s and e.ends_at > d.to_s
        """,
        "events over the period's edge": """
            from now_dr_events
            where starts_at < {period_from_s} and ends_at > {period_from_s} or starts_at < {period_to_s}
                and ends_at > {period_to_s}
        """,
        "events called off": "from dr_events where row_status = 'cancelled'",
        "late signals": "from calls where issued_at >= starts_at",
        "signals issued again": """
            from (select 1 from calls group by dr_event_id, vehicle_id having count(*) > 1)
        """,
        "signals against the direction": """
            from calls
            where (direction = 'suppression') <> (amount_kind in ('discharge_energy', 'charging_power_limit'))
        """,
        "signals cancelled, the earlier restored": """
            from dr_signals s
            where row_status = 'cancelled'
                and (dr_event_id, vehicle_id) in (select (dr_event_id, vehicle_id) from now_dr_signals)
        """,
        "signals cancelled, none left": """
            from dr_signals s
            where row_status = 'cancelled'
                and (dr_event_id, vehicle_id) not in (select (dr_event_id, vehicle_id) from now_dr_signals)
        """,
        "double dispatch": """
            from settled a
            inner join settled b on a.vehicle_id = b.vehicle_id and a.region = b.region
                and a.dr_event_id < b.dr_event_id and meets(a.starts_at, a.ends_at, b.starts_at, b.ends_at)
        """,
        "signals without a session": """
            from settled c
            anti join stood s on s.vehicle_id = c.vehicle_id and s.started_at < c.ends_at
                and s.until > c.starts_at
        """,
        "instructions issued again in time": """
            from (select 1 from now_dr_instructions i inner join now_dr_events e using (dr_event_id)
                where issued_at < starts_at group by dr_event_id, aggregator_id having count(*) > 1)
        """,
        "late instructions": """
            from now_dr_instructions
            inner join now_dr_events using (dr_event_id)
            where issued_at >= starts_at
        """,
    },
    "delivery": {
        "about what was asked": """
            from answered
            where amount_kind = 'discharge_energy' and out_wh * 10 between amount * 9 and amount * 11
        """,
        "too much": "from answered where amount_kind = 'discharge_energy' and out_wh * 10 > amount * 12",
        "too little": """
            from answered
            where amount_kind = 'discharge_energy' and out_wh > 0 and out_wh * 2 < amount
        """,
        "nothing": """
            from stays s
            anti join (select stay from answered where out_wh > 0) a using (stay)
            where amount_kind = 'discharge_energy' and comes
        """,
        "energy in a circle": """
            from answered
            where amount_kind = 'discharge_energy' and in_wh >= 500 and out_wh >= 500
        """,
        "over the power limit": """
            from stays s
            where amount_kind = 'charging_power_limit' and comes
                and answer_wh * 3600 > amount * (answer_to_s - answer_from_s) and twist <> 'lease_idle'
        """,
        "under the power limit": """
            from stays s
            where amount_kind = 'charging_power_limit' and comes and answer_wh > 0
                and answer_wh * 3600 < amount * (answer_to_s - answer_from_s)
        """,
        "backfeed at an import-only EVSE": """
            from flows f
            inner join stays s using (stay)
            where f.direction = 'out' and not s.is_capable
        """,
        "unattributed backfeed (half hours)": "(reads) backfeed without a session",
    },
    "access": {
        "specific": "from stood s inner join own_pairs o using (evse_id, vehicle_id)",
        "public": """
            from stood s
            anti join own_pairs o using (evse_id, vehicle_id)
            where access = 'public' and is_known_vehicle
        """,
        "leased": """
            from used u
            inner join outcomes o using (lease_id)
            where o.outcome in ('fulfilled', 'lapsed')
        """,
        "unpermitted": """
            from stood s
            anti join own_pairs o using (evse_id, vehicle_id)
            anti join covers c on c.evse_id = s.evse_id and c.vehicle_id = s.vehicle_id
                and c.cover_from < s.until and c.ends_at > s.started_at
            where access = 'specific' and is_known_vehicle
        """,
        "unidentified vehicle": "from stood where vehicle_id is null",
    },
    "sessions": {
        "off the half hour, at odd seconds": "from stood where started_at % 60 <> 0 and ended_at % 60 <> 0",
        "two vehicles in one half hour of an EVSE": """
            from stood
            where vehicle_id <> next_vehicle and ended_at <= next_at
                and (ended_at - 1) // 1800 = next_at // 1800
        """,
        "behind a metering point of two EVSEs": """
            from stood s
            inner join evse_rows e using (evse_id)
            where e.metering_point_id in (select metering_point_id from now_evses
                group by 1 having count(distinct evse_id) > 1)
        """,
        "over the period's edge": """
            from stood
            where started_at < {period_from_s} and until > {period_from_s} or started_at < {period_to_s}
                and until > {period_to_s}
        """,
        "open at first, closed later": """
            from charger_sessions f
            inner join charger_sessions s using (session_id)
            where f.folder = 1 and f.ended_at is null and s.folder = 2 and s.ended_at is not null
        """,
        "open to the end": "from stood where ended_at is null and next_at is null",
        "unclosed": "from stood where ended_at is null and next_at is not null",
        "overlapping at one EVSE": "from stood where ended_at > next_at and next_ended is not null",
        "vehicle in two places": "from stood where ended_at > elsewhere_at and elsewhere <> evse_id",
        "charger against meter beyond tolerance": """
            from now_charger_sessions s
            inner join ( select stay, coalesce(sum(wh) filter (where direction = 'in'), 0) as in_wh from flows
                group by stay) f using (stay)
            where abs(f.in_wh - s.charged_wh) > greatest(500, s.charged_wh // 10)
        """,
    },
    "leases": {
        "fulfilled": "from outcomes where outcome = 'fulfilled'",
        "lapsed": "from outcomes where outcome = 'lapsed'",
        "pending": "from outcomes where outcome = 'pending'",
        "revoked": "from outcomes where outcome = 'revoked'",
        "not needed: public place": "from outcomes where outcome = 'not_needed: public place'",
        "not needed: own car": "from outcomes where outcome = 'not_needed: own car'",
        "not needed: another lease covers": """
            from outcomes
            where outcome = 'not_needed: another lease covers'
        """,
        "off the half hour, at odd seconds": "from covers where valid_from % 60 <> 0 and valid_to % 60 <> 0",
        "granted in mid-session": "from outcomes where granted_at > started_at and granted_at < until",
        "consented to in mid-session": "from outcomes where consent_at > started_at and consent_at < until",
        "indirect without consent": "from covers where kind = 'indirect' and consent_at is null",
        "indirect with consent": "from covers where kind = 'indirect' and consent_at is not null",
        "revoked in mid-session": "from outcomes where revoked_at > started_at and revoked_at < until",
        "revoked before it began": "from covers where revoked_at <= valid_from",
        "overlapping at one EVSE": """
            from covers a
            inner join covers b on a.evse_id = b.evse_id and a.lease_id < b.lease_id
                and meets(a.cover_from, a.ends_at, b.cover_from, b.ends_at)
            where a.cover_from < a.ends_at and b.cover_from < b.ends_at
        """,
        "during a stay of the EVSE's own car": """
            from covers c
            inner join stood s on s.evse_id = c.evse_id and s.started_at < c.ends_at
                and s.until > c.cover_from
            inner join own_pairs o on o.evse_id = s.evse_id and o.vehicle_id = s.vehicle_id
            where c.cover_from < c.ends_at and not c.is_of_own_car
        """,
    },
    "offers": {
        "published in time": "from now_evse_offers where published_at <= offered_from",
        "published late": "from now_evse_offers where published_at > offered_from",
        "off the half hour": "from now_evse_offers where offered_from % 1800 <> 0",
        "blocked by the EVSE's own car": """
            from now_evse_offers o
            inner join stood s on s.evse_id = o.evse_id and s.started_at < o.offered_to
                and s.until > o.offered_from
            inner join own_pairs p on p.evse_id = s.evse_id and p.vehicle_id = s.vehicle_id
        """,
        "contracts whose fee cap binds": """
            from ( select contract_id, any_value(c.monthly_fee_minor) as fee,
                sum(((o.offered_to - o.offered_from) // 1800 - 1) * e.rated_discharge_w) as w_half_hours
                from now_evse_offers o inner join evse_rows e on e.evse_id = o.evse_id
                and o.offered_from >= e.valid_from and o.offered_from < e.ends
                inner join contract_rows c using (contract_id)
                anti join stood s on s.evse_id = o.evse_id and s.started_at < o.offered_to
                and s.until > o.offered_from where o.published_at <= o.offered_from
                and o.offered_from >= {period_from_s} and o.offered_to <= {period_to_s} group by contract_id )
            where w_half_hours * {offering_milli} * 10000 > fee * {cap_bp} * 2000000
        """,
    },
    "registry": {
        "cars sold": "from vehicle_rows where user_id <> user_before",
        "EVSEs re-rated": "from evse_rows where rated_charge_w <> charge_before",
        "EVSEs moved to another region": "from evse_rows where region <> region_before",
        "EVSEs opened to the public": "from evse_rows where access = 'public' and access_before = 'specific'",
        "EVSEs withdrawn": """
            from evse_rows
            where valid_to is not null and ends = valid_to and charge_before is null
                and evse_id not in (select evse_id from now_evses group by 1 having count(*) > 1)
        """,
        "EVSEs not backfeed-capable": "from now_evses where not backfeed_capable",
        "contract fees changed": "from contract_rows where monthly_fee_minor <> fee_before",
        "managers changed": "from contract_rows where manager_id <> manager_before",
        "contracts ended": "from contract_rows where is_ended and valid_to < {period_to_s}",
        "children that changed parent": "from aggregator_rows where parent_aggregator_id <> parent_before",
        "children without parent": """
            from now_aggregators
            where level = 'child' and parent_aggregator_id is null
        """,
        "children of a child": """
            from now_aggregators a
            inner join now_aggregators b on b.aggregator_id = a.parent_aggregator_id
            where b.level = 'child'
        """,
        "vehicles that name a parent as their child aggregator": """
            from now_vehicles v
            inner join now_aggregators a on a.aggregator_id = v.child_aggregator_id
            where a.level = 'parent'
        """,
        "specific periods of one pair in several rows": """
            from (select 1 from now_specific_vehicles group by evse_id, vehicle_id having count(*) > 1)
        """,
    },
    "unknown references": {
        "session at an unknown EVSE": "from stood where not is_known_evse",
        "session of an unknown vehicle": "from stood where vehicle_id is not null and not is_known_vehicle",
        "signal of an unknown event": "from now_dr_signals anti join now_dr_events using (dr_event_id)",
        "signal of an unknown vehicle": "from now_dr_signals anti join now_vehicles using (vehicle_id)",
        "instruction of an unknown event": """
            from now_dr_instructions
            anti join now_dr_events using (dr_event_id)
        """,
        "instruction of an unknown aggregator": """
            from now_dr_instructions
            anti join now_aggregators using (aggregator_id)
        """,
        "lease of an unknown EVSE": "from now_permission_leases anti join now_evses using (evse_id)",
        "lease of an unknown vehicle": "from now_permission_leases anti join now_vehicles using (vehicle_id)",
        "offer of an unknown EVSE": "from now_evse_offers anti join now_evses using (evse_id)",
        "EVSE of an unknown contract": "from now_evses anti join now_contracts using (contract_id)",
        "vehicle of an unknown child": """
            from now_vehicles v
            anti join now_aggregators a on a.aggregator_id = v.child_aggregator_id
        """,
        "child of an unknown parent": """
            from now_aggregators c
            anti join now_aggregators p on p.aggregator_id = c.parent_aggregator_id
            where c.level = 'child' and c.parent_aggregator_id is not null
        """,
        "specific vehicle of an unknown EVSE": """
            from now_specific_vehicles
            anti join now_evses using (evse_id)
        """,
        "specific vehicle that is unknown": """
            from now_specific_vehicles
            anti join now_vehicles using (vehicle_id)
        """,
    },
    "reads": {
        "actual": "(reads) quality A",
        "estimated": "(reads) quality E",
        "substituted": "(reads) quality S",
        "no read": "(reads) quality N",
        "import empty": "(reads) import empty",
        "backfeed empty": "(reads) backfeed empty",
        "of a meter without a backfeed register": "(reads) no backfeed register",
        "absent": "(reads) absent",
        "behind a household's meter": "(reads) household behind the meter",
        "delivered late": "from told_later where folder = 2",
        "revised": "from told_later where folder = 3",
        "revised from no read to substituted": "from told_later where folder = 3 and quality = 'S'",
    },
    "deliveries": {
        "late rows": "from ({feeds}) where folder = 2",
        "superseded rows": "from ({feeds}) where folder > 1 and row_status = 'active'",
        "feeds with superseded rows": """
            from (select distinct feed from ({feeds}) where folder > 1 and row_status = 'active')
        """,
        "cancelled rows": "from ({feeds}) where row_status = 'cancelled'",
        "feeds with cancelled rows": """
            from (select distinct feed from ({feeds}) where row_status = 'cancelled')
        """,
    },
}
