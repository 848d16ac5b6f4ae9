"""`python -m devtools.supervisor`; it must not do anything but run `main`."""

from devtools.supervisor.main import main

raise SystemExit(main())
