"""`python3 -m tinynn` with the arguments given; prints how many rows it trained and tested on."""

import io
import json
import sys
from contextlib import redirect_stdout

from tinynn.cli import main

output = io.StringIO()
with redirect_stdout(output):
    status = main(sys.argv[1:])
if status:
    sys.exit(status)
rows = json.loads(output.getvalue())["rows"]
print(sum(rows[part] for part in ("train", "validation", "test")))
