"""A landing folder and a warehouse of their own, as the tests of ingest have them."""

from tests.ingest.conftest import house, new_house

__all__ = ["house", "new_house"]
