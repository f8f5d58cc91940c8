import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const css = readFileSync(join(import.meta.dirname, "../src/styles/tokens.css"), "utf8");

function token(name: string, dark: boolean): string {
  const found = new RegExp(`--${name}:\\s*(?:light-dark\\((#\\w+),\\s*(#\\w+)\\)|(#\\w+))`).exec(css);
  if (found === null) throw new Error(`no token ${name}`);
  return found[3] ?? (dark ? found[2]! : found[1]!);
}

function luminance(hex: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const part = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r! + 0.7152 * g! + 0.0722 * b!;
}

function contrast(one: string, other: string): number {
  const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (high! + 0.05) / (low! + 0.05);
}

describe.each([["light", false], ["dark", true]] as const)("%s", (_, dark) => {
  it.each([["text", 7], ["muted", 4.5], ["line", 3], ["bar", 3], ["trend", 4.5], ["focus", 3]] as const)("%s stands out by %d : 1", (name, least) => {
    for (const ground of ["ground", "panel"]) expect(contrast(token(name, dark), token(ground, dark))).toBeGreaterThanOrEqual(least);
  });
  it.each(["critical", "high", "medium", "low", "shelved"])("the letter on %s can be read", (mark) => {
    expect(contrast(token(mark, dark), token(`on-${mark}`, dark))).toBeGreaterThanOrEqual(4.5);
  });
});
