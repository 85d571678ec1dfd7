export { forge } from './forge';
export { run } from './run';
export { plan } from './plan';
export { insights } from './insights';
