"""The little application: honest answers, and faults on demand."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator

import httpx
import pytest

from guardian.core.model import Environment
from guardian.demo.application import LOOPBACK, Application, Fault

from .conftest import Eventually
