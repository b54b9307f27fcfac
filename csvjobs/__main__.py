"""python -m csvjobs"""

import os
import sys


def main() -> None:
    """Runs the command line, and exits with its status; see csvjobs.cli.main."""
    try:
        # Imported here, as it takes a while, in which Ctrl-C should end it as well as later.
        from csvjobs.cli import main as run

        run()
    except KeyboardInterrupt:
        sys.stderr.write("      Interrupted.\n")
        sys.stderr.flush()
        os._exit(130)


if __name__ == "__main__":
    main()
