export { create } from './create';
export { diff } from './diff';
export { log } from './log';
export { forge } from './forge';
export { run } from './run';
export { plan } from './plan';
export { insights } from './insights';
