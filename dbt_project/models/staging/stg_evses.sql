{{ versions_as_of('evses') }}
