{{ versions_as_of('vehicles') }}
