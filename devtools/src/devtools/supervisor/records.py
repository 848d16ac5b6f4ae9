"""The layout of a log's index, shared by the supervisor that writes it and the command that reads it.

It must not import anything heavy.
"""

import struct

RECORD = struct.Struct("<Qd")  # (offset, time): what lies below the offset was written by that time
KEPT = 3  # rotated files: NAME.log.1 is the youngest
