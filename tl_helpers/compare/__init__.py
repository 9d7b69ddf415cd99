"""Fair comparisons: arms at budgets and seeds, intervals, claims, recorded evidence, scorecards.

`run` is the way in (`comparison.py`); what it returns is in `report.py`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submodules=["evidence", "metrics", "studies"],
    submod_attrs={
        "comparison": ["Prediction", "run"],
        "report": ["TransferReport"],
        "setting": ["MissingRows", "Saved"],
        "studies": ["Study"],
    },
)
