/** Of a node, in pixels; as in GraphCanvas.module.css. */
export const nodeWidth = 188;
export const nodeHeight = 72;
