"""`python -m devtools.supervisor`; it must not do anything but run `main`."""

import gc
import sys

gc.disable()  # what is imported stays: looking for garbage in between costs a start some milliseconds
sys.modules["ssl"] = None  # pyright: ignore[reportArgumentType] (asyncio does without: sooner up, 1 MB less)

from devtools.supervisor.main import main  # noqa: E402

raise SystemExit(main())
