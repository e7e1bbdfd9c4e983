import { address, type Html, html, raw } from '../../common/html.ts';
import type { DrawnFigure } from '../../figures/files.ts';
import { AWAITED, type AwaitedFigure, SIMILARITY_NEEDS } from '../../figures/human.ts';
import { ORDER } from '../../figures/index.ts';
import { fileLinks, type Report } from './page-parts.ts';

/** Figures that need the whole width of the page. */
const WIDE = new Set(['extremes']);

/** The figure that would show human answers too. */
const SIMILARITY = 'similarity-functions';

/** All figures in the paper's order: those that were drawn, and a line in the place of those that lack answers of people. */
export function figuresSection({ figures }: Report): Html {
  const drawn = new Map(figures.map((figure) => [figure.name, figure]));
  const awaited = new Map(AWAITED.map((figure) => [figure.name, figure]));
  const others = figures.map(({ name }) => name).filter((name) => !ORDER.includes(name));
  const boxes = [...ORDER, ...others].flatMap((name) => {
    if (name === 'tasks') return []; // the cards of units show more of them
    if (drawn.has(name)) return [figureHtml(drawn.get(name)!)];
    return awaited.has(name) ? [awaitedHtml(awaited.get(name)!)] : [];
  });
  return html`<section id="figures"><h2>Figures</h2><div class="figures">${boxes}</div></section>`;
}

function figureHtml({ name, title, caption, width, height, files }: DrawnFigure): Html {
  const svg = address('figures', `${name}.svg`);
  return html`<figure id="${name}"${raw(WIDE.has(name) ? ' class="wide"' : '')}>
<a href="${svg}"><img src="${svg}" alt="${title}: ${caption}" width="${width}" height="${height}" loading="lazy"></a>
<figcaption>${caption} ${name === SIMILARITY && `${SIMILARITY_NEEDS} `}${fileLinks(name, files)}</figcaption>
</figure>`;
}

function awaitedHtml({ name, title, needs }: AwaitedFigure): Html {
  return html`<figure id="${name}" class="awaited"><p><b>${title}</b></p><figcaption>${needs}</figcaption></figure>`;
}
