/** The arrows of the house: cli → engine → cache; stages → vision, tables, stats, figures; stages never each other. */
const only = (name, from, to, comment) => ({ name, severity: 'error', comment, from: { path: from }, to });

module.exports = {
  forbidden: [
    only(
      'no-circles',
      '.',
      { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
      'No module needs itself, however far around; types may.',
    ),
    only(
      'common-is-a-leaf',
      '^common/',
      { path: '^(bin|cache|engine|figures|stages|stats|tables|vision)/' },
      'common/ is used by all and uses none.',
    ),
    only(
      'cache-is-general',
      '^cache/',
      { path: '^(bin|engine|figures|stages|stats|tables|vision)/' },
      'The store knows nothing of what it stores.',
    ),
    only(
      'engine-is-general',
      '^engine/(spec|plan|run|ui)/',
      { path: '^(bin|figures|stages|stats|tables|vision)/' },
      'The engine knows nothing of images or scores.',
    ),
    only(
      'cli-reaches-no-stage',
      '^engine/cli/',
      { path: '^(bin|figures|stages|stats|tables)/' },
      'Commands reach stages through the graph alone; `models` may look into ONNX files.',
    ),
    only(
      'cli-is-on-top',
      '^engine/(?!cli/)|^cache/',
      { path: '^engine/cli/' },
      'Nothing but bin/ starts a command.',
    ),
    only(
      'tools-know-no-engine',
      '^(vision|tables|stats|figures)/',
      { path: '^(bin|cache|engine|stages)/' },
      'vision, tables, stats and figures work without the engine.',
    ),
    only(
      'stages-know-the-contract-only',
      '^stages/',
      { path: '^(bin|cache)/|^engine/(?!stage\\.ts$)' },
      'Of the engine a stage sees the contract.',
    ),
    only(
      'stages-stay-apart',
      '^stages/([^/]+)/',
      { path: '^stages/', pathNot: '^stages/$1/' },
      'Stages never import each other.',
    ),
    only(
      'no-dev-dependencies',
      '^(bin|cache|common|engine|figures|stages|stats|tables|vision)/',
      { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
      'What users run may need only what they install.',
    ),
    only(
      'benchmarks-are-on-top',
      '^(bin|cache|common|engine|figures|stages|stats|tables|vision)/',
      { path: '^bench/' },
      'Nothing that users run needs a benchmark.',
    ),
    only('resolvable', '.', { couldNotResolve: true }, 'Every import leads somewhere.'),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
