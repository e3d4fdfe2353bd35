"""``guardian.yaml`` and rule files, read into frozen objects, or all of their faults at once."""
