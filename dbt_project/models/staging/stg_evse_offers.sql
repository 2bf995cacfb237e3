{{ versions_as_of('evse_offers') }}
