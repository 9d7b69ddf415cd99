"""Fair comparisons: arms at budgets and seeds, intervals, claims, recorded evidence, scorecards.

`run` is the way in (`comparison.py`); what it returns is in `report.py`, on `measurements.py`.
What a lesson may claim about it is in `claims.py`.
"""

from tl_helpers._door import door

NAMES = {
    "claims": ["NoInterval", "beats", "fails", "leads_more", "saves", "within"],
    "comparison": ["run"],
    "interquartile": ["interquartile_mean", "stratified_interval"],
    "labels_saved": ["Saved"],
    "prediction": ["Prediction", "Tuned"],
    "report": ["TransferReport"],
    "setting": ["MissingRows"],
    "studies": ["Study"],
}
MODULES = ["boundaries", "evidence", "inspection", "investigations", "metrics", "studies"]
__getattr__, __dir__, __all__ = door(__name__, NAMES, MODULES)
