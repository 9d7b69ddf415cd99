"""One process that extracts features, four examples a chunk; for the test that kills it.

    python tests/support/killed_extraction.py CHUNKS OUT

Stops and waits, to be killed, while it writes the chunk after ``CHUNKS`` finished ones; with
``CHUNKS`` at 99 it runs to its end. Writes the features to OUT, and prints how many times the
network ran.
"""

import os
import sys
import time

from safetensors.torch import save_file
from tiny_backbone import pictures, tiny_backbone

from tl_helpers.techniques import features
from tl_helpers.training import runtime


def main(chunks: int, out: str) -> None:
    features._CHUNK = 4
    backbone, replace, done = tiny_backbone(), os.replace, []
    runs = []
    backbone.module.register_forward_hook(lambda *_: runs.append(1))

    def stop_in_mid_write(source, target):
        if len(done) == chunks:
            print("writing", flush=True)
            time.sleep(600)
        done.append(target)
        replace(source, target)

    os.replace = stop_in_mid_write
    found = features.extract(backbone, pictures(20), runtime.start("smoke", precision="fp32"))
    os.replace = replace
    save_file({"x": found.x}, out)
    print("runs", len(runs), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
