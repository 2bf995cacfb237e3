{{ versions_as_of('dr_events') }}
