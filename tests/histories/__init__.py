"""Half a year of deliveries, runs, decisions and crashes at random; the laws hold after every step."""
