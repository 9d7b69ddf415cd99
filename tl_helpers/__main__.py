"""``python -m tl_helpers``: the same as the command ``tl``."""

import sys

from tl_helpers.kit.cli import main

if __name__ == "__main__":
    sys.exit(main())
