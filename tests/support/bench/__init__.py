"""How fast the helpers are, against the bare loop, other libraries and the machine: `make bench`.

    cd tests && python -m bench [SECTION...] [--out FOLDER] [--repeats N]

Times depend on the processor, ratios much less: the sides of a comparison take turns in one run,
each in a process of its own, on one thread, and the median over the repeats counts.
"""
