"""The lesson on medical images runs on a reader's folder of scans with masks."""

from __future__ import annotations

import json

import nibabel
import numpy as np
from offline_environment import offline_variables

from tl_helpers.kit import running


def test_a_folder_of_volumes_runs_whole_and_claims_nothing(tmp_path, monkeypatch):
    rng, folder = np.random.default_rng(0), tmp_path / "scans"
    folder.mkdir()
    for subject in range(6):
        mask = np.zeros((20, 24, 7))
        mask[5:14, 6 : 15 + subject % 3, 1:6] = 1
        scan = 3 * mask + rng.random(mask.shape)
        for name, values in (("t1", scan), ("t1_mask", mask)):
            nibabel.save(nibabel.Nifti1Image(values, np.eye(4)), folder / f"p{subject}_{name}.nii")
    (folder / "broken_t1.nii").write_bytes(b"no volume")
    for name, value in offline_variables().items():
        monkeypatch.setenv(name, value)
    settings = running.Settings(parameters={"folder": str(folder)}, threads=1, seconds=180)
    result = running.run("6.1", "smoke", out=tmp_path, settings=settings)
    assert result.problems == [] and result.claims == []
    card = json.loads(result.scorecard.read_text(encoding="utf-8"))
    assert "mixture" not in {row["arm"] for row in card["rows"]}
    assert "broken_t1.nii: 1 scans and 0 masks" in result.notebook.read_text(encoding="utf-8")
