"""What the system costs on this machine: `python -m benchmarks --help`."""
