import { entryEn, type EntryCatalogue } from "./entry.en";
import { entryZh } from "./entry.zh";
import { language } from "./language";

/** The words of the pages that come later; both languages come with them, they are few. */
export const e = (): EntryCatalogue => (language.value === "zh" ? entryZh : entryEn);

/** A word whose key is made of data; the data itself where we have none. */
export function entryWord(prefix: string, value: string): string {
  const found = (e() as unknown as Record<string, unknown>)[`${prefix}_${value}`];
  return typeof found === "string" ? found : value;
}
