import { signal } from "@preact/signals";
import { go } from "../route";

export const helpOpen = signal(false);
export const singleKeys = signal(localStorage.getItem("maplebridge.keys") !== "off");

export function allowSingleKeys(on: boolean): void {
  singleKeys.value = on;
  localStorage.setItem("maplebridge.keys", on ? "on" : "off");
}

type Handler = (key: string) => boolean;
const handlers: Handler[] = [];

/** A page's own keys; the newest page is asked first. */
export function onKey(handler: Handler): () => void {
  handlers.unshift(handler);
  return () => {
    handlers.splice(handlers.indexOf(handler), 1);
  };
}

const GO: Record<string, string> = { f: "/", a: "/alerts", t: "/tickets" };
const typing = (target: EventTarget | null): boolean =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

/** Move the focus along the rows of the page: every row has one link that carries `data-row`. */
function moveRow(step: 1 | -1): boolean {
  const rows = [...document.querySelectorAll<HTMLElement>("main [data-row]")];
  if (rows.length === 0) return false;
  const at = rows.findIndex((row) => row === document.activeElement || row.contains(document.activeElement));
  const next = rows[at === -1 ? (step === 1 ? 0 : rows.length - 1) : Math.min(rows.length - 1, Math.max(0, at + step))];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
  return true;
}

export const focusedRow = (): string | null =>
  (document.activeElement?.closest("[data-row]") as HTMLElement | null)?.dataset["row"] ?? null;

let waitingForGo = Number.NEGATIVE_INFINITY;

export function listenToKeys(): void {
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target) || !singleKeys.peek()) return;
    if (document.querySelector("dialog[open]")) return;
    const { key } = event;
    let used = true;
    if (performance.now() - waitingForGo < 1500 && key in GO) {
      waitingForGo = Number.NEGATIVE_INFINITY;
      go(GO[key]!);
    } else if (key === "g") waitingForGo = performance.now();
    else if (key === "?") helpOpen.value = true;
    else if (key === "j") used = moveRow(1);
    else if (key === "k") used = moveRow(-1);
    else if (key === "/") {
      const find = document.querySelector<HTMLElement>("main [data-find]");
      find?.focus();
      used = find !== null;
    } else used = handlers.some((handler) => handler(key));
    if (used) event.preventDefault();
  });
}
