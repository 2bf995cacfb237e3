"""`vgi explain` against the oracle: the delivered rows that it lists give the amount again."""
