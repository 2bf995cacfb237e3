{{ versions_as_of('permission_leases') }}
