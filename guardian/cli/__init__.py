"""The ``guardian`` command."""
