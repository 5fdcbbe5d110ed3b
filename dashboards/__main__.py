"""`python -m dashboards`: the same as `python -m dashboards.generate`."""

from __future__ import annotations

import sys

from dashboards.generate import main

sys.exit(main())
