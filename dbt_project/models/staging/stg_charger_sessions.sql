{{ versions_as_of('charger_sessions') }}
