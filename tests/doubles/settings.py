"""A guardian.yaml with no more in it than it must have."""

from pathlib import Path

PLAIN = """\
state_dir: state
rules: rules
haproxy: {socket: admin.sock, map: haproxy.map}
api: {socket: api.sock}
services:
  web: {blue: web_blue, green: web_green}
"""


def settled(place: Path, further: str = "") -> Path:
    """The guardian.yaml that was written into ``place``, with an empty directory of rules; ``further`` sections stand below."""
    (place / "rules").mkdir()
    config = place / "guardian.yaml"
    config.write_text(PLAIN + further)
    return config
