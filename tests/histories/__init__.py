"""Half a year of deliveries, runs, decisions and crashes, played in random order; the laws hold after every step."""
