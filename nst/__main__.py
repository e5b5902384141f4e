"""The command line: python -m nst PHOTO STYLE [STYLE ...] -o OUT.png"""

import sys

from nst.command.run import main

if __name__ == "__main__":
    sys.exit(main())
