/** The page's style sheet: light, no web fonts, readable from a phone to a wide screen. */
export const STYLE = `
:root { --ink: #1f2933; --soft: #52606d; --faint: #7b8794; --line: #e4e7eb; --wash: #f7f9fb; --blue: #0072b2; --red: #d55e00;
  --sans: "Inter", "Helvetica Neue", Helvetica, Arial, "DejaVu Sans Condensed", sans-serif; --mono: ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace; }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; -webkit-text-size-adjust: 100%; }
body { margin: 0; background: #fff; color: var(--ink); font: 16px/1.55 var(--sans); }
header, main, footer { max-width: 1180px; margin: 0 auto; padding: 0 28px; }
header { padding-top: 22px; }
.bar { display: flex; justify-content: space-between; align-items: baseline; gap: 24px; padding-bottom: 14px; border-bottom: 1px solid var(--line); }
.mark { font: 700 17px var(--mono); letter-spacing: -.02em; color: var(--blue); }
nav { display: flex; flex-wrap: wrap; gap: 4px 20px; font-size: 14px; }
nav a { color: var(--soft); text-decoration: none; text-transform: capitalize; }
nav a:hover { color: var(--blue); }
h1 { margin: 34px 0 10px; font-size: 40px; line-height: 1.12; letter-spacing: -.022em; overflow-wrap: anywhere; }
.lead { max-width: 760px; margin: 0 0 24px; color: var(--soft); font-size: 18px; }
h2 { margin: 0 0 14px; font-size: 24px; letter-spacing: -.012em; }
h3 { margin: 30px 0 12px; font-size: 17px; overflow-wrap: anywhere; }
h3 small { color: var(--faint); font-weight: 400; }
section { margin: 52px 0 0; scroll-margin-top: 20px; }
a { color: var(--blue); }
dl, dd { margin: 0; }
.facts { display: flex; flex-wrap: wrap; gap: 14px 46px; }
.facts div { display: flex; flex-direction: column; }
.facts dd { font-size: 30px; font-weight: 650; letter-spacing: -.02em; line-height: 1.15; font-variant-numeric: tabular-nums; }
.facts dt { order: 2; color: var(--faint); font-size: 14px; }
.note { margin: 30px 0 -16px; padding: 12px 18px; border-left: 4px solid #e69f00; border-radius: 0 8px 8px 0; background: #fff8e8; font-size: 15px; }
.note p { margin: 0; } .note p + p { margin-top: 6px; }
.hint { margin: 10px 0 16px; color: var(--soft); font-size: 14px; max-width: 900px; }
code { font: .9em var(--mono); overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 9px 14px; border-bottom: 1px solid var(--line); text-align: left; white-space: nowrap; }
th:first-child, td:first-child { padding-left: 2px; }
thead th { border-bottom: 1.5px solid #9aa5b1; color: var(--faint); font-size: 12.5px; font-weight: 500; vertical-align: bottom; }
tbody th { font-weight: 600; max-width: 320px; overflow: hidden; text-overflow: ellipsis; }
.number { text-align: right; }
.score { color: var(--blue); font-size: 19px; font-weight: 700; }
.interval { color: var(--soft); }
.spread { width: 34%; min-width: 180px; }
.spread svg { display: block; width: 100%; height: 22px; }
.chance { stroke: #9aa5b1; stroke-dasharray: 3 3; } .band { fill: var(--blue); opacity: .2; } .mean, .point { fill: var(--blue); }
.point { stroke: #fff; stroke-width: 1.5; }
.files td:nth-child(3) { white-space: normal; color: var(--soft); }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 480px), 1fr)); gap: 20px; }
.card { padding: 16px 18px 12px; border: 1px solid var(--line); border-radius: 12px; background: #fff; box-shadow: 0 1px 2px rgb(31 41 51 / 5%); min-width: 0; }
.card p { margin: 0; }
.head { display: flex; justify-content: space-between; gap: 14px; margin-bottom: 12px; }
.head > div { min-width: 0; }
.unit { font-size: 14.5px; font-weight: 600; overflow-wrap: anywhere; line-height: 1.35; }
.tag { display: inline-block; margin-right: 4px; padding: 1px 9px; border-radius: 99px; background: #e6f1f8; color: #005a8d; font-size: 12px; }
.detail, .foot { color: var(--faint); font-size: 12.5px; }
.mis { text-align: right; line-height: 1.15; white-space: nowrap; font-variant-numeric: tabular-nums; }
.mis b { display: block; font-size: 23px; color: var(--blue); letter-spacing: -.01em; } .mis span { color: var(--faint); font-size: 12px; }
.task { display: grid; grid-template-columns: 3fr 1fr 3fr; gap: 22px; align-items: center; }
.task p { margin-bottom: 5px; color: var(--faint); font-size: 12px; text-align: center; }
.grid { display: grid; grid-template-columns: repeat(3, 1fr); gap: 3px; padding-top: 6px; border-top: 3px solid; }
.side.minus .grid { border-color: var(--red); } .side.plus .grid { border-color: var(--blue); }
.task img { display: block; width: 100%; aspect-ratio: 1; object-fit: cover; border-radius: 3px; background: var(--line); }
.tiny { image-rendering: pixelated; }
.query { margin-bottom: 10px; padding: 3px; border-radius: 6px; } .query.plus { background: var(--blue); } .query.minus { background: var(--red); }
.foot { margin-top: 12px !important; padding-top: 9px; border-top: 1px solid var(--line); }
.figures { columns: 2 460px; column-gap: 20px; }
figure { margin: 0 0 20px; break-inside: avoid; padding: 8px 10px 14px; border: 1px solid var(--line); border-radius: 12px; min-width: 0; }
figure.wide { column-span: all; margin-top: 20px; }
figure img { display: block; width: 100%; height: auto; }
figcaption { padding: 8px 12px 0; color: var(--soft); font-size: 13px; line-height: 1.5; }
.awaited { padding: 14px 12px; background: var(--wash); border-style: dashed; } .awaited p { margin: 0; padding: 0 12px; font-size: 14px; color: var(--soft); }
.links { display: inline-block; white-space: nowrap; } .links a { text-decoration: none; } .links a:hover { text-decoration: underline; }
.table div { display: grid; grid-template-columns: 170px 1fr; gap: 18px; padding: 8px 0; border-bottom: 1px solid var(--line); }
.table dt { color: var(--faint); overflow-wrap: anywhere; } .table dd { overflow-wrap: anywhere; max-width: 820px; }
.under { margin: -6px 0 10px; color: var(--soft); } .encoders { margin-top: 6px; } .encoders summary { color: var(--soft); font-size: 14.5px; } .encoders table { width: auto; min-width: 50%; }
.trained { max-width: 860px; } .trained .score { font-size: 16px; }
.group summary { padding: 10px 0; border-bottom: 1px solid var(--line); } .group summary h3 { display: inline; margin: 0; } .group .cards { margin-top: 18px; } .group[open] { margin-bottom: 34px; }
details { margin-top: 18px; } summary { cursor: pointer; } .skipped { font-size: 13.5px; color: var(--soft); overflow-wrap: anywhere; }
footer { margin-top: 64px; padding-top: 18px; padding-bottom: 40px; color: var(--faint); font-size: 13px; }
@media (max-width: 640px) { header, main, footer { padding-left: 16px; padding-right: 16px; } h1 { font-size: 29px; } .lead { font-size: 16px; }
  .facts { gap: 12px 28px; } .facts dd { font-size: 23px; } .task { gap: 10px; } .card { padding: 12px; } section { margin-top: 40px; }
  .table div { grid-template-columns: 1fr; gap: 0; } .bar { flex-direction: column; gap: 6px; } th, td { padding: 8px 9px; } }
@media print { .card, figure { break-inside: avoid; } nav { display: none; } }
`;
