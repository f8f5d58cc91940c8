import { describe, expect, it } from "vitest";
import type { Series } from "../src/api/types";
import { beganAt, earlier, shapeOf, sparkPaths, stepFor, windowOf } from "../src/trend/shape";

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
    const { holes } = shapeOf(series([1, null, 2]), "p");
    expect(holes).toEqual([{ from: 1000, to: 2000, reason: "no_data" }]);
  });
  it("what is still on its way is no hole, unless the gateway knows better", () => {
    expect(shapeOf(series([1, null, null]), "p").holes).toEqual([]);
    expect(shapeOf(series([1, null, null], [{ from: 1000, to: 3000, reason: "timeout" }]), "p").holes).toHaveLength(1);
  });
  it("a lone step between holes is marked", () => {
    expect(shapeOf(series([null, 5, null, 1, 2]), "p").lone).toEqual([1]);
  });
  it("text and NaN are no numbers", () => {
    expect(shapeOf({ ...series([1, 2]), points: { p: ["running", Number.NaN] } }, "p").mean).toEqual([null, null]);
  });
});

describe("a young record", () => {
  const young = series([null, null, 3, null, 4], [{ from: 0, to: 1900, reason: "no_frames" }]);
  it("begins where its first value is, and nothing before that is a gap", () => {
    expect(beganAt(young, "p")).toBe(2000);
    expect(shapeOf(young, "p").holes.map((hole) => hole.from)).toEqual([3000]);
  });
  it("is no younger for a device that did not answer", () => {
    const silent = series([null, null, 3], [{ from: 0, to: 1900, reason: "timeout" }]);
    expect(beganAt(silent, "p")).toBeNull();
    expect(shapeOf(silent, "p").holes).toEqual([{ from: 0, to: 2000, reason: "timeout" }]);
  });
  it("gets an axis of its own length, five minutes at least and the range at most", () => {
    const to = 10_000_000;
    expect(windowOf(to, 3_600_000, null)).toBe(to - 3_600_000);
    expect(windowOf(to, 3_600_000, to - 40_000)).toBe(to - 300_000);
    expect(windowOf(to, 3_600_000, to - 1_000_000)).toBe(to - 1_000_000);
    expect(windowOf(to, 3_600_000, 0)).toBe(to - 3_600_000);
  });
  it("is asked in steps that a clock knows", () => {
    expect([300_000, 900_000, 3_600_000, 21_600_000, 86_400_000].map(stepFor)).toEqual([1_000, 5_000, 10_000, 60_000, 300_000]);
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

describe("an earlier day beside this one", () => {
  const day = 86_400_000;
  const today = [day / 1000, day / 1000 + 1, day / 1000 + 2];
  it("lies on the same steps", () => {
    expect(earlier(today, series([1, 2, 3]), "p", day)).toEqual([1, 2, 3]);
  });
  it("has its gaps, and knows nothing beyond its ends", () => {
    expect(earlier([...today, day / 1000 + 3], series([1, null, 3]), "p", day)).toEqual([1, null, 3, null]);
  });
  it("of longer steps stands for all that lie within", () => {
    expect(earlier(today, { ...series([7]), step_ms: 10_000 }, "p", day)).toEqual([7, 7, 7]);
  });
  it("without the point is all gaps", () => {
    expect(earlier(today, series([1, 2, 3]), "other", day)).toEqual([null, null, null]);
  });
});
