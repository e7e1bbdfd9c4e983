/** Style sheet of the comparison's page: light, no web fonts. */
export const STYLE = `
:root { --ink: #1f2933; --soft: #52606d; --faint: #7b8794; --line: #e4e7eb; --blue: #0072b2; }
* { box-sizing: border-box; }
body { max-width: 1180px; margin: 0 auto; padding: 28px; background: #fff; color: var(--ink);
  font: 15px/1.5 "Helvetica Neue", Helvetica, Arial, "DejaVu Sans Condensed", sans-serif; }
h1 { margin: 8px 0 20px; font-size: 32px; letter-spacing: -.02em; }
h2 { margin: 44px 0 12px; font-size: 22px; }
a { color: var(--blue); }
code, .value { font: .9em ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 7px 12px 7px 2px; border-bottom: 1px solid var(--line); text-align: left; }
thead th { color: var(--faint); font-size: 12.5px; font-weight: 500; white-space: nowrap; }
tbody th { font-weight: 600; overflow-wrap: anywhere; }
.number { text-align: right; white-space: nowrap; }
.change { font-weight: 700; }
.hint, figcaption { color: var(--soft); font-size: 13px; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 440px), 1fr)); gap: 24px; }
.figures { columns: 2 460px; column-gap: 20px; }
figure { margin: 0 0 20px; padding: 8px 10px 14px; border: 1px solid var(--line); border-radius: 12px; break-inside: avoid; }
figure img { display: block; width: 100%; height: auto; }
`;
