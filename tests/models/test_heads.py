"""A solved head and its layer give the same probabilities, for two classes and for more."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression

from tl_helpers.models import heads


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_the_layer_gives_the_probabilities_of_what_was_solved(classes):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 5)).astype(np.float32)
    y = rng.permutation(np.arange(60) % classes)
    solved = LogisticRegression().fit(x, y)
    layer = heads.layer_of(solved)
    assert layer.out_features == classes and layer.weight.dtype == torch.float32
    with torch.no_grad():
        said = layer(torch.from_numpy(x)).softmax(1)
    np.testing.assert_allclose(said, solved.predict_proba(x), atol=1e-5)


def test_what_was_not_fitted_is_refused():
    with pytest.raises(NotFittedError):
        heads.layer_of(LogisticRegression())


def test_no_random_number_is_drawn():
    solved = LogisticRegression().fit(np.eye(4), [0, 1, 2, 2])
    before = torch.get_rng_state()
    heads.layer_of(solved)
    assert torch.equal(torch.get_rng_state(), before)
