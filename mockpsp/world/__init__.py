"""One simulated universe: state as the fold of events, its clock, journal and outbox, and the way it commits."""
