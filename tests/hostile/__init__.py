"""Hostile and broken input: a catalogue of cases with their outcomes, and a fuzzer."""
