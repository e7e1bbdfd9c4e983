import { address, type Html, html, raw, visible } from '../../common/html.ts';
import type { Picture, PictureTask } from '../../figures/task-pictures.ts';
import { isDirection } from './directions.ts';
import { fileLinks, fixed, type Report, signed } from './page-parts.ts';
import { TINY_SIDE } from './pictures.ts';
import { ranked } from './summary.ts';

/** The best and the worst of the chosen units side by side, to show what a score means. */
export function example({ tasks, encoders }: Report): Html | false {
  const own = tasks.filter((task) => task.encoder === encoders[0] && !isDirection(task));
  if (own.length < 2) return false;
  const [best, worst] = [byScore(own).at(0)!, byScore(own).at(-1)!];
  return html`<section id="meaning"><h2>What a score means</h2>
<p class="hint">Each card shows one task. Left: images that excite the unit least; right: images that excite it most. Which of the two in the middle belongs to the right? The upper one does.</p>
<div class="cards">${card(best, 'Easy to tell')}${card(worst, 'Hard to tell')}</div></section>`;
}

function byScore(tasks: readonly PictureTask[]): PictureTask[] {
  return [...tasks].sort((a, b) => b.mis - a.mis);
}

/** Models whose units lie open; those of the others open with a click. */
const OPEN = 3;

/** Every chosen unit with the pictures of its typical task, model by model in the order of the ranking. */
export function unitCards({ tasks, models, encoders, figures }: Report): Html | false {
  if (tasks.length === 0) return false;
  const groups = ranked(models.filter((row) => row.encoder === encoders[0])).flatMap(({ model }) => {
    const own = tasks.filter((task) => task.model === model && task.encoder === encoders[0]);
    const kinds = [own.filter((task) => !isDirection(task)), own.filter(isDirection)];
    return kinds.filter((tasks) => tasks.length > 0);
  });
  const drawn = figures.find((figure) => figure.name === 'tasks');
  const under = encoders.length > 1 && html` Scores under <bdi>${encoders[0]}</bdi>.`;
  return html`<section id="units"><h2>Units</h2>
<p class="hint">Of each model, units at equal steps from the highest MIS to the lowest; of each, the task with the median margin. x: how much more alike the queries are to their own side (the task’s margin); p: how surely the machine picks right.${under} ${drawn && html`As a figure: ${fileLinks('tasks', drawn.files)}`}</p>
${groups.map((own, i) => group(own, i < OPEN))}</section>`;
}

function group(tasks: readonly PictureTask[], open: boolean): Html {
  const scores = tasks.map((task) => task.mis);
  const what = isDirection(tasks[0]!) ? 'directions' : 'units';
  const range = `${tasks.length} ${what}, MIS ${fixed(Math.max(...scores))} to ${fixed(Math.min(...scores))}`;
  return html`<details class="group"${raw(open ? ' open' : '')}><summary><h3><bdi>${tasks[0]!.model}</bdi> <small>${range}</small></h3></summary><div class="cards">${tasks.map((task) => card(task))}</div></details>`;
}

function card(task: PictureTask, heading?: string): Html {
  return html`<article class="card">
<div class="head"><div><p class="unit">${heading && html`<b class="tag">${heading}</b> `}<bdi>${heading ? `${task.model} · ` : ''}${task.layer}</bdi> · unit ${task.unit}</p><p class="detail">${task.layer_type} · ${task.reason}</p></div>
<p class="mis"><b>${fixed(task.mis)}</b><span>${fixed(task.mis_low)} – ${fixed(task.mis_high)}</span></p></div>
<div class="task">
<div class="side minus"><p>least active</p><div class="grid">${task.references_minus.map(imageHtml)}</div></div>
<div class="queries"><p>queries</p><div class="query plus">${imageHtml(task.query_plus)}</div><div class="query minus">${imageHtml(task.query_minus)}</div></div>
<div class="side plus"><p>most active</p><div class="grid">${task.references_plus.map(imageHtml)}</div></div>
</div>
<p class="foot">task ${task.task}: x = ${signed(task.margin)}, p = ${fixed(task.p)} · ${percent(task.task_accuracy)} of the unit’s tasks right</p>
</article>`;
}

function imageHtml({ file, path, label, width, height }: Picture): Html {
  const tiny = Math.max(width, height) <= TINY_SIDE;
  const words = label === null ? visible(path) : `${visible(label)} – ${visible(path)}`;
  return html`<img src="${address(file)}" alt="${label ?? path}" title="${words}" loading="lazy" class="${tiny ? 'tiny' : 'photo'}">`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(0)} %`;
}
