import { describe, expect, it } from "vitest";
import type { Direction, FlowNode, NodeType } from "../src/api/types";
import { arrowWidth, layoutFlow } from "../src/flow/layout";

const node = (type: NodeType, kw: number | null, direction: Direction, id: string = type): FlowNode => ({
  id, type, parent: null, device: null, power: kw === null ? null : { value: kw, quality: "good" }, direction, rated_kw: type === "pv" ? 100 : null,
});
const village = [
  node("grid", 12.4, "to_bus"), node("main_meter", 12.4, "to_bus"), node("bus", 0.3, "idle"), node("pv", 61.2, "to_bus"),
  node("battery", -8, "to_bus"), node("charging", 22, "from_bus"), node("load", 59.3, "from_bus"),
];
const subs = (count: number): FlowNode[] => Array.from({ length: count }, (_, index) => node("sub_meter", 3, "from_bus", `sub-${index}`));

describe("arrows", () => {
  it("grow with the power and stay within their bounds", () => {
    const widths = [2, 20, 60, 100, 500].map((kw) => arrowWidth(kw, 100, 100));
    expect(widths).toEqual([...widths].sort((a, b) => a - b));
    expect(Math.max(...widths)).toBe(16);
  });
  it("are not drawn below 1 % of the rating, nor for what is not known", () => {
    expect(arrowWidth(0.99, 100, 200)).toBe(0);
    expect(arrowWidth(1.01, 100, 200)).toBeGreaterThan(0);
    expect(arrowWidth(null, 100, 100)).toBe(0);
  });
  it("point the way the power goes", () => {
    const { lines } = layoutFlow(village, 1200);
    const toward = Object.fromEntries(lines.map((line) => [line.id, line.toward]));
    expect(toward).toMatchObject({ grid: 1, main_meter: 1, pv: 1, battery: 1, charging: -1, load: -1 });
  });
  it("are dashed where nothing is known", () => {
    const { lines } = layoutFlow([node("pv", null, "unknown"), node("bus", null, "idle")], 1000);
    expect(lines[0]).toMatchObject({ unknown: true, toward: 0 });
  });
});

describe.each([560, 700, 1000, 1600])("at %d px", (width) => {
  it.each([0, 1, 4, 17])("nothing overlaps or leaves the frame with %d sub-meters", (count) => {
    const { boxes, height } = layoutFlow([...village, ...subs(count)], width);
    expect(boxes).toHaveLength(6 + count);
    for (const [index, box] of boxes.entries()) {
      expect(box.x).toBeGreaterThanOrEqual(-0.5);
      expect(box.x + box.width).toBeLessThanOrEqual(width + 0.5);
      expect(box.y + box.height).toBeLessThanOrEqual(height + 0.5);
      for (const other of boxes.slice(index + 1)) {
        const apart = box.x + box.width <= other.x || other.x + other.width <= box.x || box.y + box.height <= other.y || other.y + other.height <= box.y;
        expect(apart, `${box.node.id} on ${other.node.id}`).toBe(true);
      }
    }
  });
});
