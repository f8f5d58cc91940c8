import { signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";
const ORDER: Theme[] = ["system", "light", "dark"];
const REMEMBERED = "maplebridge.theme";

export const theme = signal<Theme>("system");

export function setTheme(next: Theme): void {
  theme.value = next;
  if (next === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = next;
  localStorage.setItem(REMEMBERED, next);
}

export const nextTheme = (): void => setTheme(ORDER[(ORDER.indexOf(theme.peek()) + 1) % ORDER.length]!);

export function rememberedTheme(): void {
  const remembered = localStorage.getItem(REMEMBERED);
  if (remembered === "light" || remembered === "dark") setTheme(remembered);
}
