"""Disease or none for a whole picture: a linear head on frozen features, judged by AUC."""

from __future__ import annotations

from tl_helpers.datasets import chest_xrays
from tl_helpers.models import backbones
from tl_helpers.techniques import features
from tl_helpers.training.runtime import Runtime


def pneumonia_auc(runtime: Runtime, backbone: str = "efficientnet-lite0") -> float:
    """Area under the ROC curve on children's chest X-rays; for the gpu profile.

    Parameters
    ----------
    runtime : Runtime
    backbone : str, default "efficientnet-lite0"
        As `backbones.load` knows it.

    Raises
    ------
    ImportError
        Where the package medmnist is not installed.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    data, network = chest_xrays.splits(), backbones.load(backbone)
    known, new = (features.extract(network, part, runtime) for part in (data.train, data.test))
    head = LogisticRegression(max_iter=1000).fit(known.x, known.y)
    return float(roc_auc_score(new.y, head.predict_proba(new.x)[:, 1]))
