"""`python -m devtools.simulators`: the same as the service's command."""

from devtools.simulators.server import main

raise SystemExit(main())
