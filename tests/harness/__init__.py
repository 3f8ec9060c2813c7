"""What the integration tests stand on: real processes, and clients that nobody here wrote."""
