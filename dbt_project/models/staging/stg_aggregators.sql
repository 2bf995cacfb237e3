{{ versions_as_of('aggregators') }}
