"""The command line: python -m nst PHOTO STYLE [STYLE ...] -o OUT.png"""

import sys

from nst.command.terminal import end_at_once

if __name__ == "__main__":
    end_at_once()  # before all that takes long to come
    from nst.command.start import main

    sys.exit(main())
