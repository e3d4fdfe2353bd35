"""Every decision guardian takes, pure: no I/O, no clock, no randomness; time is always an argument."""
