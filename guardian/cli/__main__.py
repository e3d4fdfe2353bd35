"""``python -m guardian.cli`` is the ``guardian`` command."""

from guardian.cli.main import main

main()
