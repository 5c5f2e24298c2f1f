"""``mockpsp serve``: sockets before everything else, then one server until a signal ends it."""
