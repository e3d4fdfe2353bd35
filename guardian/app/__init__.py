"""The running program: watch, decide, act, tell."""
