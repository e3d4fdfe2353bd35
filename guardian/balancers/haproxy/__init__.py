"""Everything that touches HAProxy: Runtime API, counters, the map file."""
