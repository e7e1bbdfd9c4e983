import fc from 'fast-check';

/** Property tests draw the same cases every time, so that a failure can be had again; MIS_TEST_SEED draws others. */
fc.configureGlobal({ seed: Number(process.env.MIS_TEST_SEED ?? 20_261_122) });
