import { describe, expect, it } from "vitest";
import { ageOf, formatMoment, formatNumber, fromLocalInput, MISSING, spanOf, toLocalInput, withUnit } from "../src/format";

describe("a number keeps what matters", () => {
  it.each([
    [61.24, "kW", "61.2"], [0.305, "kW", "0.31"], [8, "kW", "8.00"], [1234.5, "kW", "1,235"], [-7.96, "kW", "−7.96"],
    [99.97, "kW", "100"], [-0.001, "kW", "0.00"], [230.25, "V", "230.3"], [49.98, "Hz", "49.98"], [20110.66, "kWh", "20,110.66"],
    [410.4, "kΩ", "410"], [3, "", "3"],
  ])("%d %s is %s", (value, unit, text) => {
    expect(formatNumber(value, unit, "en-GB")).toBe(text);
  });
  it("missing is a dash, never 0", () => {
    for (const value of [null, undefined, Number.NaN, Number.POSITIVE_INFINITY]) expect(formatNumber(value, "kW", "en-GB")).toBe(MISSING);
  });
  it("never breaks between number and unit", () => {
    expect(withUnit(61.2, "kW", "zh-CN")).toBe("61.2\u202fkW");
  });
});

describe("ages and spans", () => {
  it.each([[0, 0, "s"], [59_999, 59, "s"], [60_000, 1, "min"], [7_200_000, 2, "h"], [172_800_000, 2, "d"], [-500, 0, "s"]])("%d ms is %d %s", (ms, n, unit) => {
    expect(ageOf(ms)).toEqual({ n, unit });
  });
  it.each([
    [40_000, "40 s"], [272_000, "4 min 32 s"], [4_320_000, "1 h 12 min"], [1_800_000, "30 min"], [183_600_000, "2 d 3 h"],
  ])("%d ms is %s", (ms, text) => {
    expect(spanOf(ms).map(({ n, unit }) => `${n} ${unit}`).join(" ")).toBe(text);
  });
});

describe("moments stand in the site's zone", () => {
  const morning = Date.UTC(2026, 4, 30, 2, 21);
  it("today needs no day", () => {
    expect(formatMoment(morning, morning + 3_600_000, "zh-CN", "Asia/Shanghai")).toBe("10:21");
  });
  it.each([["zh-CN", "5月30日 10:21"], ["en-GB", "30 May 10:21"]])("another day is named: %s", (locale, text) => {
    expect(formatMoment(morning, morning + 86_400_000, locale, "Asia/Shanghai")).toBe(text);
  });
  it.each(["Asia/Shanghai", "Europe/Berlin", "America/New_York"])("a typed time comes back: %s", (zone) => {
    expect(fromLocalInput(toLocalInput(morning, zone), zone)).toBe(morning);
  });
  it("what is no time is none", () => {
    expect(fromLocalInput("", "Asia/Shanghai")).toBeNull();
  });
});
