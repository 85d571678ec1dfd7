export { list } from './flagList';
export { page, usage, tester, history, code } from './flagPage';
export { editor } from './flagEditor';
export { words } from './flagWords';
export { segments, keys, schedule, stale, unknown, create, project } from './flagAround';
