"""The layout of a log's index and the place of the verdict: what a process writes and another one reads.

It must not import anything heavy.
"""

import struct

RECORD = struct.Struct("<Qd")  # (offset, time): what lies below the offset was written by that time
KEPT = 3  # rotated files: NAME.log.1 is the youngest
VERDICT = "verdict.json"  # in the state folder: `devtools validate` keeps it, the supervisor tells it
