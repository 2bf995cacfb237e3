"""A warehouse made anew from the store of delivered files and its journal: `rebuild.warehouse.rebuild`."""
