"""Measuring: Prometheus. Answers are readings, never opinions."""
