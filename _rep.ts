import { execSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, rmSync, cpSync } from 'node:fs';
import report from './stages/report/index.ts';
import { runStage } from './test/support/fake-task.ts';
import { writeStudy } from './test/stages/report/study.ts';
const enc=(process.argv[2]??'autoencoder').split(',');
if(!process.env.KEEP){rmSync('/tmp/cifar',{recursive:true,force:true}); mkdirSync('/tmp/cifar/x',{recursive:true});
execSync('for t in demo/cifar10/*.tar; do tar xf $t -C /tmp/cifar/x; done');}
const names=['airplane','automobile','bird','cat','deer','dog','frog','horse','ship','truck'];
const images=readdirSync('/tmp/cifar/x').filter(f=>f.endsWith('.png')).sort().map(f=>({path:`cifar10-test.tar/${f}`,label:names[Number(readFileSync(`/tmp/cifar/x/${f.replace('.png','.cls')}`,'utf8'))]!,bytes:readFileSync(`/tmp/cifar/x/${f}`),side:32}));
const layersOf=(n:number,w:number,types:string[])=>Array.from({length:n},(_,i)=>({name:`stage${(i/4|0)+1}.${i%4}.${types[i%types.length]==='convolution'?'conv':types[i%types.length]==='batch-norm'?'bn':'fc'}`,type:types[i%types.length]!,units:w*(1+(i*3/n|0))}));
const byClass=names.map(n=>images.flatMap((im,i)=>im.label===n?[i]:[]));
const study={images,encoders:enc,tasks:20,references:9,shards:8,
 models:[{name:'resnet-8',layers:[...layersOf(18,32,['convolution','batch-norm']),{name:'head',type:'linear',units:10}],top1:.873},{name:'mixer-s',layers:[...layersOf(16,64,['linear','layer-norm']),{name:'head',type:'linear',units:10}],top1:.812},{name:'vgg-6',layers:[...layersOf(10,48,['convolution','batch-norm']),{name:'head',type:'linear',units:10}],top1:.846}],
 candidates:(s:number,side:'plus'|'minus')=>{const c=side==='plus'?s%10:(s+1+(s/10|0)%9)%10; return byClass[c]!.slice(s%100,s%100+90);}};
rmSync('/tmp/study',{recursive:true,force:true}); mkdirSync('/tmp/study');
const {inputs}=writeStudy('/tmp/study',study);
const t=performance.now();
const run=await runStage(report,{params:{title:'Machine interpretability of three small CIFAR-10 networks',seed:0,notes:['The perceptual encoder of this demonstration is a small autoencoder trained on CIFAR-10, made to show the workflow. Published numbers need DreamSim.'],settings:{difficulty:'easy',α:0.16,'role of α':'temperature'},descriptions:{'resnet-8':'8 layers with residuals, trained on the 50,000 training images'}},inputs});
console.log('report', performance.now()-t|0,'ms', run.folder);
rmSync('/tmp/report',{recursive:true,force:true}); cpSync(run.output('report'),'/tmp/report',{recursive:true});
console.log(readFileSync('/tmp/report/summary.txt','utf8'));
console.log(execSync('cd /tmp/report; du -sh . *; ls -la tables figures').toString());
