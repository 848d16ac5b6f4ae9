"""How the API is, for people, probes and Prometheus. Must not repair anything."""
