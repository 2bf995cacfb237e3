{{ versions_as_of('contracts') }}
