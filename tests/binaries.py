"""Every HAProxy that the tests have, by the name that they go by in the tests' own names."""

import os
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from guardian.demo.haproxy import debian_binary, wheel_binary

LATER = [Path(name) for name in os.environ.get("GUARDIAN_TEST_HAPROXY", "").split(":") if name]
"""More of them, each called after its directory: `tests/run.sh --all` has those of later Debians made."""

BINARIES: Mapping[str, Callable[[], Path]] = {
    "debian": debian_binary,
    "wheel": wheel_binary,
    **{binary.parent.name: partial(Path, binary) for binary in LATER},
}
"""The distribution's (2.6 on Debian 12), the wheel's (2.8), and later ones. One that is missing is an error when it is called."""
