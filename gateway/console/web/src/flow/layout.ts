/**
 * Where the parts of the single-line diagram stand. Pure: nodes and a width in, boxes and lines out.
 *
 * Above the bus: grid, main meter, PV. Below it: battery, chargers, loads, and the sub-meters under the loads.
 */
import type { FlowNode, NodeType } from "../api/types";

export interface Box { node: FlowNode; x: number; y: number; width: number; height: number }
export interface Line {
  id: string; x1: number; y1: number; x2: number; y2: number;
  /** Stroke in px; 0 draws a plain thin line: nothing worth an arrow flows. */
  width: number;
  /** 1: from (x1, y1) to (x2, y2); -1: against it; 0: no arrow. */
  toward: 1 | -1 | 0;
  unknown: boolean;
}
export interface Layout { width: number; height: number; boxes: Box[]; lines: Line[]; bus: { y: number; x1: number; x2: number } }

const CARD = { width: 216, height: 88 };
const SUB = { width: 168, height: 62, gap: 12 };
const DROP = 62;
const TOP: NodeType[] = ["grid", "main_meter", "pv"];
const BOTTOM: NodeType[] = ["battery", "charging", "load"];
const THINNEST = 3;
const THICKEST = 16;

export function powerOf(node: FlowNode): number | null {
  const value = node.power?.value;
  return typeof value === "number" ? value : null;
}

/** What the thickest arrow stands for: the largest rating or flow behind the bus. */
export function scaleOf(nodes: readonly FlowNode[]): number {
  const sizes = nodes.flatMap((node) => [
    Math.abs(powerOf(node) ?? 0),
    node.type === "grid" || node.type === "main_meter" ? 0 : (node.rated_kw ?? 0),
  ]);
  return Math.max(1, ...sizes);
}

/** Width of an arrow, in px; below 1 % of the part's rating there is none. */
export function arrowWidth(kw: number | null, rated_kw: number | null, scale_kw: number): number {
  if (kw === null || Math.abs(kw) < 0.01 * (rated_kw ?? scale_kw)) return 0;
  return THINNEST + (THICKEST - THINNEST) * Math.min(1, Math.abs(kw) / scale_kw);
}

function spread(nodes: FlowNode[], y: number, total: number): Box[] {
  const column = total / nodes.length;
  const width = Math.min(CARD.width, column - 24);
  return nodes.map((node, index) => ({ node, x: column * (index + 0.5) - width / 2, y, width, height: CARD.height }));
}

const center = (box: Box): number => box.x + box.width / 2;

function lineOf(node: FlowNode, scale: number, from: [number, number], to: [number, number]): Line {
  const unknown = node.direction === "unknown";
  // A transformer's rating is no measure for what a village draws: grid and meter go by the scale of the picture.
  const rated = node.type === "grid" || node.type === "main_meter" ? null : node.rated_kw;
  const width = unknown ? 0 : arrowWidth(powerOf(node), rated, scale);
  const toward = width === 0 || node.direction === "idle" ? 0 : node.direction === "to_bus" ? 1 : -1;
  return { id: node.id, x1: from[0], y1: from[1], x2: to[0], y2: to[1], width: toward === 0 ? 0 : width, toward, unknown };
}

function placeSubMeters(subs: FlowNode[], load: Box, total: number, scale: number): { boxes: Box[]; lines: Line[]; bottom: number } {
  const perRow = Math.max(1, Math.floor((total - SUB.gap) / (SUB.width + SUB.gap)));
  const rows = Math.ceil(subs.length / perRow);
  const boxes: Box[] = [];
  const lines: Line[] = [];
  const plain = (id: string, x1: number, y1: number, x2: number, y2: number): Line => ({ id, x1, y1, x2, y2, width: 0, toward: 0, unknown: false });
  const loadBottom = load.y + load.height;
  const branch = loadBottom + 24;
  const rowHeight = SUB.height + 48;
  const trunk = rows > 1 ? total - 1 : center(load);
  lines.push(plain("trunk", center(load), loadBottom, center(load), branch));
  if (rows > 1) lines.push(plain("trunk-down", trunk, branch, trunk, branch + (rows - 1) * rowHeight));
  for (let row = 0; row < rows; row += 1) {
    const here = subs.slice(row * perRow, (row + 1) * perRow);
    const needed = here.length * (SUB.width + SUB.gap) - SUB.gap;
    const right = Math.min(total - (rows > 1 ? 14 : 0), Math.max(needed, center(load) + needed / 2));
    const y = branch + row * rowHeight;
    const placed = here.map((node, index) => ({ node, x: right - needed + index * (SUB.width + SUB.gap), y: y + 24, width: SUB.width, height: SUB.height }));
    boxes.push(...placed);
    const ends = [...placed.map(center), row === 0 ? center(load) : trunk, trunk];
    lines.push(plain(`branch-${row}`, Math.min(...ends), y, Math.max(...ends), y));
    for (const box of placed) lines.push(lineOf(box.node, scale, [center(box), box.y], [center(box), y]));
  }
  return { boxes, lines, bottom: branch + rows * rowHeight - 24 };
}

export function layoutFlow(nodes: readonly FlowNode[], width: number): Layout {
  const pick = (types: NodeType[]): FlowNode[] =>
    types.map((type) => nodes.find((node) => node.type === type)).filter((node) => node !== undefined);
  const scale = scaleOf(nodes);
  const above = spread(pick(TOP), 0, width);
  const busY = above.length > 0 ? CARD.height + DROP : 12;
  const below = spread(pick(BOTTOM), busY + DROP, width);
  const lines: Line[] = [];

  const meter = above.find((box) => box.node.type === "main_meter");
  for (const box of above) {
    const bottom: [number, number] = [center(box), box.height];
    if (box.node.type === "grid" && meter !== undefined) {
      const middle = box.height / 2;
      lines.push(lineOf(box.node, scale, [box.x + box.width, middle], [meter.x, middle]));
    } else lines.push(lineOf(box.node, scale, bottom, [center(box), busY]));
  }
  for (const box of below) lines.push(lineOf(box.node, scale, [center(box), box.y], [center(box), busY]));

  let bottom = below.length > 0 ? busY + DROP + CARD.height : busY + 24;
  const boxes = [...above, ...below];
  const load = below.find((box) => box.node.type === "load");
  const subs = nodes.filter((node) => node.type === "sub_meter");
  if (load !== undefined && subs.length > 0) {
    const placed = placeSubMeters(subs, load, width, scale);
    boxes.push(...placed.boxes);
    lines.push(...placed.lines);
    bottom = placed.bottom;
  }
  const reach = [...above.filter((box) => !(box.node.type === "grid" && meter !== undefined)), ...below].map(center);
  const x1 = Math.min(width / 2, ...reach) - 60;
  const x2 = Math.max(width / 2, ...reach) + 60;
  return { width, height: bottom, boxes, lines, bus: { y: busY, x1: Math.max(0, x1), x2: Math.min(width, x2) } };
}
