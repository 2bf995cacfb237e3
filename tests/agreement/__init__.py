"""The product against the independent oracle, on random small worlds that share runs."""
