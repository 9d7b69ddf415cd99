"""Fair comparisons: arms at budgets and seeds, intervals, claims, recorded evidence, scorecards.

`run` is the way in (`comparison.py`); what it returns is in `report.py`.
"""

from tl_helpers._door import door

NAMES = {
    "comparison": ["Prediction", "run"],
    "report": ["TransferReport"],
    "setting": ["MissingRows", "Saved"],
    "studies": ["Study"],
}
MODULES = ["evidence", "metrics", "studies"]
__getattr__, __dir__, __all__ = door(__name__, NAMES, MODULES)
