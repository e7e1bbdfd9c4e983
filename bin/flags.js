// Sets V8 up for mis; to be loaded first.
const { setFlagsFromString } = require('node:v8');

// Most commands are over in half a second, a fourth of which V8 would take to optimise what is then hardly run any more. It
// does so when a function has run for about eight times as long as it would wait otherwise. Node 22 has no such flag any more.
if (process.versions.node.startsWith('20.')) setFlagsFromString('--interrupt-budget=540000');
