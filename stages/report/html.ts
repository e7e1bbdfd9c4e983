export * from '../../common/html.ts';
