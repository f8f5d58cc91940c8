import { signal } from "@preact/signals";
import { en, type Catalogue } from "./en";

export type Language = "en" | "zh";
/** A text that a file brought in one or both languages. */
export type Text = { en?: string | null; zh?: string | null } | string;

const REMEMBERED = "maplebridge.language";
const LOCALES: Record<Language, string> = { en: "en-GB", zh: "zh-CN" };

export const language = signal<Language>("en");
const catalogue = signal<Catalogue>(en);

/** The words of the chosen language. Read inside a component, it follows a switch. */
export const t = (): Catalogue => catalogue.value;
export const locale = (): string => LOCALES[language.value];

export async function setLanguage(next: Language, remember = true): Promise<void> {
  catalogue.value = next === "zh" ? (await import("./zh")).zh : en;
  language.value = next;
  document.documentElement.lang = next === "zh" ? "zh-CN" : "en";
  if (remember) localStorage.setItem(REMEMBERED, next);
}

export function firstLanguage(): Language {
  const remembered = localStorage.getItem(REMEMBERED);
  if (remembered === "en" || remembered === "zh") return remembered;
  return navigator.languages.some((tag) => tag.toLowerCase().startsWith("zh")) ? "zh" : "en";
}

/** A word whose key is made of data, such as `ticket_` + state; the data itself where we have no word. */
export function word(prefix: string, value: string | null | undefined): string {
  if (value === null || value === undefined || value === "") return "";
  const found = (t() as unknown as Record<string, unknown>)[`${prefix}_${value}`];
  return typeof found === "string" ? found : value;
}

/** The text in the chosen language, else in the other one together with that one's tag. */
export function textOf(text: Text | null | undefined): { text: string; lang?: string } {
  if (text === null || text === undefined) return { text: "" };
  if (typeof text === "string") return { text };
  const own = text[language.value];
  if (own) return { text: own };
  const other: Language = language.value === "en" ? "zh" : "en";
  return { text: text[other] ?? "", lang: other === "zh" ? "zh-CN" : "en" };
}
