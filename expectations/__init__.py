"""May it pass the gate? Great Expectations suites over small evidence frames that SQL made.

`catalogue` says of each expectation its rule, severity and remedy; the other modules say when it holds: one a
gate, or a feed.
Great Expectations takes seconds to import: `catalogue` and `judgement` come without it, `judge` and
`data_docs` with it.
"""
