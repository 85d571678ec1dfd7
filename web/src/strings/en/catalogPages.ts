export { graph } from './graph';
