"""The command line: python -m nst PHOTO STYLE [STYLE ...] -o OUT.png"""

from nst.cli.terminal import end_at_once

if __name__ == "__main__":
    end_at_once()  # before the slow imports
    from nst.cli.main import program

    program()
