"""One page of HTML about a run: what each lesson took, which claims held, where to read it."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path

from tl_helpers.assets import files
from tl_helpers.compare import claim_record
from tl_helpers.kit import outcomes
from tl_helpers.kit.running import RunResult

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .4rem .8rem; }
tr { border-bottom: 1px solid #ccc; }
td.number, th.number { text-align: right; }
ul { margin: 0; padding-left: 1.1rem; }
.failed { font-weight: bold; }
"""
SAID = {True: "holds", False: "does not hold", None: "not evaluated"}


def write(results: Sequence[RunResult], titles: dict[str, str], out: Path) -> Path:
    """Write ``index.html`` and each executed notebook as a page to ``out``.

    Parameters
    ----------
    results : sequence of RunResult
    titles : dict of str to str
        Title of each lesson by id.
    out : Path

    Returns
    -------
    Path
        The summary page.

    Raises
    ------
    OSError
        When ``out`` cannot be written.
    """
    rows = "\n".join(_row(result, titles.get(result.id, ""), _page(result)) for result in results)
    good = sum(result.ok for result in results)
    page = out / "index.html"
    files.write_text(
        page,
        f"""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>Lessons run</title><style>{STYLE}</style></head>
<body>
<h1>{good} of {len(results)} lessons ran as they should</h1>
<table>
<thead><tr><th>lesson</th><th>outcome</th><th class="number">seconds</th>
<th class="number">peak MiB</th><th>claims</th><th>checks</th></tr></thead>
<tbody>
{rows}
</tbody>
</table>
</body>
</html>
""",
    )
    return page


def _row(result: RunResult, title: str, page: Path | None) -> str:
    name = html.escape(f"{result.id} {title}".strip())
    if page is not None:
        files = f'<a href="{page.name}">{name}</a> (<a href="{page.stem}.ipynb">notebook</a>)'
    else:
        files = name
    outcome = "as it should" if result.ok else _list(result.problems)
    if words := outcomes.last_words(result.verdict, result.model):
        outcome += _list(words)
    claims = _list([_claim(result, claim) for claim in result.claims])
    checks = _list([f"{check['id']} {check['state']}" for check in result.checks])
    style = "" if result.ok else ' class="failed"'
    return (
        f"<tr><td>{files}<br>{result.profile}, seed {result.seed}</td><td{style}>{outcome}</td>"
        f'<td class="number">{result.seconds:.0f}</td><td class="number">{result.peak_mib:.0f}</td>'
        f"<td>{claims}</td><td>{checks}</td></tr>"
    )


def _claim(result: RunResult, claim: dict) -> str:
    line = f"{SAID[claim['holds']]}: {claim['text']}"
    if result.profile != claim_record.PROFILE:
        return line
    return line + claim_record.said(result.id, claim["task"], claim["text"], result.seed)


def _list(texts: Sequence[str]) -> str:
    if not texts:
        return "none"
    return "<ul>" + "".join(f"<li>{html.escape(text)}</li>" for text in texts) + "</ul>"


def _page(result: RunResult) -> Path | None:
    """The executed notebook as HTML beside it."""
    if result.notebook is None:
        return None
    from nbconvert import HTMLExporter

    text, _ = HTMLExporter().from_filename(str(result.notebook))
    page = result.notebook.with_suffix(".html")
    files.write_text(page, text)
    return page
