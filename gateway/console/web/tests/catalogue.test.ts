import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { en } from "../src/i18n/en";
import { entryEn } from "../src/i18n/entry.en";
import { entryZh } from "../src/i18n/entry.zh";
import { zh } from "../src/i18n/zh";

const SOURCES = join(import.meta.dirname, "../src");
const files = readdirSync(SOURCES, { recursive: true, encoding: "utf8" });
const text = (name: string): string => readFileSync(join(SOURCES, name), "utf8");

describe("the two catalogues", () => {
  it.each([["of the first load", en, zh], ["of later pages", entryEn, entryZh]])("%s have the same keys of the same kind", (_which, ours, theirs) => {
    expect(Object.keys(theirs).sort()).toEqual(Object.keys(ours).sort());
    for (const [key, value] of Object.entries(ours)) expect(typeof theirs[key as keyof typeof theirs], key).toBe(typeof value);
  });
  it("speak their own language", () => {
    const latin = /^[\p{Script=Latin}\d\s\p{P}\p{S}]+$/u;
    const same = new Set(["language_other", "kilobytes"]);
    for (const [key, value] of Object.entries({ ...zh, ...entryZh })) {
      if (typeof value === "string" && !same.has(key)) expect(latin.test(value), `${key}: ${value}`).toBe(false);
    }
  });
  it("hold no word that nobody says", () => {
    const all = files.filter((name) => /\.tsx?$/.test(name) && !name.startsWith("i18n/e") && !name.startsWith("i18n/z")).map(text).join("\n");
    const prefixes = [...all.matchAll(/word\("(\w+)"/g)].map((found) => `${found[1]}_`).concat(["theme_", "age_", "score_", "level_", "reason_", "gap_", "confirm_", "purpose_", "refused_", "may_", "step_", "level_"]);
    const unsaid = Object.keys({ ...en, ...entryEn }).filter((key) => !new RegExp(`\\b${key}\\b`).test(all) && !prefixes.some((prefix) => key.startsWith(prefix)));
    expect(unsaid).toEqual([]);
  });
});

describe("components", () => {
  it.each(files.filter((name) => name.endsWith(".tsx")))("%s has no literal text", (name) => {
    const source = text(name).replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
    const between = [...source.matchAll(/<\/?[A-Za-z][^<>{}=]*>\s*([^<>{}\n]*[A-Za-z\u4e00-\u9fff]{2,}[^<>{}\n]*)\s*<\//g)].map((found) => found[1]);
    const attributes = [...source.matchAll(/\b(?:aria-label|title|placeholder|alt)="([^"]+)"/g)].map((found) => found[1]);
    expect([...between, ...attributes]).toEqual([]);
  });
});
