"""Reads one haproxy.cfg with pyhaproxy and writes it back; run by document.py, in pyhaproxy's own environment.

python roundtrip.py IN OUT
"""

import sys
import time

from pyhaproxy.parse import Parser  # type: ignore[import-not-found]  # not in the environment of the linters
from pyhaproxy.render import Render  # type: ignore[import-not-found]

began = time.perf_counter()
try:
    Render(Parser(sys.argv[1]).build_configuration()).dumps_to(sys.argv[2])
except Exception as error:  # noqa: BLE001  whatever it is, it is counted
    sys.exit(f"{type(error).__name__}: {' '.join(str(error).split())[:60]}")
print(time.perf_counter() - began)  # noqa: T201  this is how the result comes back
