import { mkdirSync, writeFileSync } from 'node:fs';
import { FIGURES } from './figures/index.ts';
import { renderPng, renderSvg } from './figures/render.ts';
import { sampleData } from './test/figures/sample.ts';
const out='/tmp/figs'; mkdirSync(out,{recursive:true});
for (const enc of [['ae'],['ae','hog']]) {
const data=await sampleData({encoders:enc});
for (const f of FIGURES) { const r=f.make(data); if(!r){console.log(f.name,'none');continue}
 const t=performance.now(); 
 try { const svg=await renderSvg(r.spec); const t2=performance.now(); const png=await renderPng(svg); const svg2=await renderSvg(r.spec);
 console.log(f.name, (t2-t|0)+'ms svg', (performance.now()-t2|0), svg===svg2, svg.length, png.length, r.table.length);
 writeFileSync(`${out}/${f.name}-${enc.length}.svg`,svg); writeFileSync(`${out}/${f.name}-${enc.length}.png`,png); if(enc.length===1)console.log('   ',r.caption);} catch(e){console.log(f.name,'FAILED',String((e as Error).stack).slice(0,600))}
}}
