"""Slack: ``/bg``, buttons, one message per deployment. All is asked of, and ordered through, the program's ``Orders``."""
