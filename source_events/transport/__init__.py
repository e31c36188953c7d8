"""HTTP: sessions, bodies, and the limits on concurrency, rate and memory."""
