import { describe, expect, it } from "vitest";
import type { Series } from "../src/api/types";
import { shapeOf, sparkPaths } from "../src/trend/shape";

const series = (values: (number | null)[], gaps: Series["gaps"] = []): Series => ({
  from: 0, to: values.length * 1000, step_ms: 1000, ts: values.map((_, index) => index * 1000),
  points: { p: values }, min: { p: values }, max: { p: values }, units: { p: "kW" }, labels: {}, gaps,
});

describe("a trend tells what it does not know", () => {
  it("a hole carries the gateway's cause", () => {
    const { holes } = shapeOf(series([1, null, null, 2], [{ from: 900, to: 2900, reason: "timeout" }]), "p");
    expect(holes).toEqual([{ from: 1000, to: 3000, reason: "timeout" }]);
  });
  it("a hole without a cause says so", () => {
    expect(shapeOf(series([1, null]), "p").holes).toEqual([{ from: 1000, to: 2000, reason: "no_data" }]);
  });
  it("a lone step between holes is marked", () => {
    expect(shapeOf(series([null, 5, null, 1, 2]), "p").lone).toEqual([1]);
  });
  it("text and NaN are no numbers", () => {
    expect(shapeOf({ ...series([1, 2]), points: { p: ["running", Number.NaN] } }, "p").mean).toEqual([null, null]);
  });
});

describe("a spark", () => {
  it("starts anew after a hole", () => {
    expect(sparkPaths([1, 2, null, 3], 100, 20).match(/M/g)).toHaveLength(2);
  });
  it("without data is nothing", () => {
    expect(sparkPaths([null, null], 100, 20)).toBe("");
  });
});
