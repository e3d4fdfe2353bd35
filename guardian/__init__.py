"""guardian moves traffic between two environments behind HAProxy, and takes it back when a release misbehaves."""

__version__ = "0.1.0"
