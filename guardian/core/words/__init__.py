"""Every sentence that people read: in Slack, logs, notes, the shell and the API."""
