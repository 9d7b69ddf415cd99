"""The fraud lesson runs on a reader's own payments, bad lines and all."""

from __future__ import annotations

import nbformat
import numpy as np
from offline_environment import offline_variables

from tl_helpers.kit import running
from tl_helpers.simulators import payments


def test_the_whole_lesson_runs_on_a_file_of_payments(tmp_path, monkeypatch):
    for name, value in offline_variables().items():
        monkeypatch.setenv(name, value)
    fraud = {"bad terminal": 1.0, "stolen card": 3.0}
    mine = payments.simulate(payments.Bank(150, 60, 100, fraud=fraud, seed=8))
    text = mine.drop(columns="kind").to_csv(index=False).splitlines()
    text[9] = "no payment at all"
    text[99] = text[99].rpartition(",")[0] + ",perhaps"
    order = np.random.default_rng(0).permutation(np.arange(1, len(text)))
    where = {line: place + 2 for place, line in enumerate(order.tolist())}
    (tmp_path / "mine.csv").write_text("\n".join([text[0], *(text[i] for i in order)]))
    settings = running.Settings(
        parameters={"new_bank": str(tmp_path / "mine.csv")}, threads=1, seconds=180
    )
    result = running.run("7.1", "smoke", out=tmp_path, settings=settings)
    assert result.problems == []
    notebook = nbformat.read(result.notebook, as_version=4)
    printed = "".join(o.get("text", "") for c in notebook.cells for o in c.get("outputs", []))
    assert f"{len(mine) - 2} payments of {mine.customer.nunique()} customers" in printed
    for line in (9, 99):
        assert f"line {where[line]}: " in printed
