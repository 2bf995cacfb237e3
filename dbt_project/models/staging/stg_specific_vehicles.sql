{{ versions_as_of('specific_vehicles') }}
