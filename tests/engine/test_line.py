"""The line: whatever is asked, in whatever order, the published model is the one that never learned it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from expunge import certificate
from expunge.codec import fingerprint
from expunge.data.schema import table_of
from expunge.data.streams import *  # placeholder
