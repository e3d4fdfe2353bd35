"""Alerts that others fire: received, kept, and read by rules."""
