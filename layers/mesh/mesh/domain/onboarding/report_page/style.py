"""The page's style sheet: light or dark as the reader's system is, tables as cards on narrow screens."""

from typing import Final

STYLE: Final = """
:root { color-scheme: light dark; --ground: #fff; --raised: #f6f7f9; --text: #1b2430; --soft: #566173; --line: #d8dde4;
  --past: #8a97a8; --now: #0b6bcb; --error: #b3261e; --warning: #8a5a00; --info: #44546a; --good: #1a6b3c; }
@media (prefers-color-scheme: dark) { :root { --ground: #12161c; --raised: #1b2129; --text: #e6eaf0; --soft: #a3aebd;
  --line: #333c48; --past: #7d8999; --now: #5aa9f7; --error: #ff8a80; --warning: #f2b84b; --info: #a9b8cc;
  --good: #6fcf97; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 68rem; margin: 0 auto; padding: 1rem 1rem 4rem; }
h1 { font-size: 1.5rem; line-height: 1.3; margin: .25rem 0 .75rem; }
h2 { font-size: 1.2rem; margin: 2rem 0 .5rem; }
h3 { font-size: 1.05rem; margin: 1.5rem 0 .5rem; }
h4 { font-size: 1rem; margin: 0 0 .25rem; }
p { margin: .25rem 0 .5rem; }
code, pre { font: .9em/1.45 ui-monospace, monospace; overflow-wrap: anywhere; }
pre { background: var(--raised); border: 1px solid var(--line); border-radius: 6px; padding: .75rem;
  white-space: pre-wrap; margin: .25rem 0; }
ul { margin: .25rem 0; padding-left: 1.25rem; }
p, li, dd, th, td { overflow-wrap: anywhere; }
td[data-name="Dimension"] { overflow-wrap: normal; }
.aside { color: var(--soft); font-size: .875rem; }
.verdict { border-left: 6px solid var(--good); background: var(--raised); padding: 1rem 1.25rem; border-radius: 6px; }
.verdict.error { border-color: var(--error); }
.verdict.warning { border-color: var(--warning); }
.verdict h2 { font-size: 1rem; margin: .75rem 0 .25rem; }
.verdict pre { background: var(--ground); }
.reasons { list-style: none; padding: 0; }
.reasons li { margin: .375rem 0; }
dl { display: flex; flex-wrap: wrap; gap: .25rem 2rem; margin: 1rem 0 0; font-size: .875rem; }
dt { color: var(--soft); }
dd { margin: 0; }
.badge { display: inline-block; border: 1px solid currentcolor; border-radius: 4px; padding: 0 .4em; font-size: .75rem;
  font-weight: 600; line-height: 1.5; white-space: nowrap; color: var(--info); }
.badge.error { color: var(--error); }
.badge.warning { color: var(--warning); }
.badge.good { color: var(--good); }
h1 .badge { font-size: 1rem; vertical-align: 2px; margin-right: .25rem; }
.finding { border: 1px solid var(--line); border-left: 4px solid var(--info); border-radius: 6px; padding: .75rem 1rem;
  margin: .75rem 0; }
.finding.error { border-left-color: var(--error); }
.finding.warning { border-left-color: var(--warning); }
table { border-collapse: collapse; width: 100%; font-size: .875rem; margin: .5rem 0; }
caption { text-align: left; color: var(--soft); padding: .25rem 0; }
th, td { text-align: left; vertical-align: top; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid var(--line);
  font-weight: 400; }
thead th { color: var(--soft); font-weight: 600; }
tbody th { overflow-wrap: anywhere; }
.chart { max-width: 44rem; }
.chart th, .chart td { border: 0; padding: .1rem .75rem .1rem 0; vertical-align: middle; }
.chart tbody th { width: 30%; text-align: right; color: var(--soft); }
.scores tbody th { width: 10rem; }
.scores td { vertical-align: middle; }
.scores { max-width: 44rem; }
.bar { display: flex; align-items: center; gap: .5rem; font-size: .75rem; line-height: 1.1;
  font-variant-numeric: tabular-nums; }
.bar svg { flex: 1; height: .6rem; display: block; }
.bar span { width: 3.25rem; }
.bar.past rect { fill: var(--past); }
.bar.now rect { fill: var(--now); }
.key { display: inline-block; width: .75em; height: .75em; margin: 0 .35em 0 0; }
.key.past { background: var(--past); }
.key.now { background: var(--now); margin-left: 1em; }
.small { width: 8rem; height: 1.5rem; display: block; border-bottom: 1px solid var(--line); }
.small rect { fill: var(--now); }
thead th { white-space: nowrap; }
.objects tbody th { width: 40%; }
.objects ul { list-style: none; padding: 0; margin: 0; }
.columns td:nth-child(2) { min-width: 4.5rem; }
.columns td:nth-child(5) { min-width: 14rem; }
.columns td:nth-child(4) { font-variant-numeric: tabular-nums; }
details { margin: 1.5rem 0; }
summary { cursor: pointer; font-weight: 600; padding: .25rem 0; }
@media (max-width: 40rem) {
  main { padding: .5rem .75rem 3rem; }
  h1 { font-size: 1.25rem; }
  .wide thead { position: absolute; clip-path: inset(50%); height: 1px; overflow: hidden; }
  .wide tr, .wide th, .wide td { display: block; border: 0; padding: 0; }
  .wide tr { border-bottom: 1px solid var(--line); padding: .5rem 0; }
  .wide td::before { content: attr(data-name) ": "; color: var(--soft); }
  .wide td:empty { display: none; }
  .objects tbody th { width: auto; }
  .columns td:nth-child(n+2):nth-child(-n+4) { display: inline-block; min-width: 0; margin-right: 1.25rem; }
  .columns td:last-child::before { content: none; }
  .chart tr, .chart th, .chart td, .scores tr, .scores th, .scores td { display: block; padding: 0; }
  .chart tbody th, .scores tbody th { width: auto; text-align: left; border: 0; padding-top: .25rem; }
}
@media print { details > * { display: block; } .finding { break-inside: avoid; } }
"""
