import { computed, signal } from "@preact/signals";

/** Time as the server has it: each tick tells how far our own clock is off. */
const offsetMs = signal(0);
/** Moves once a second; whoever shows an age reads it. */
export const now = signal(Date.now());
const lastHeard = signal<number | null>(null);
const beat = signal(performance.now());

export const LOST_AFTER_MS = 5_000;

export type Link = "connecting" | "live" | "lost";
export const link = computed<Link>(() => {
  if (lastHeard.value === null) return beat.value > 8_000 ? "lost" : "connecting";
  return beat.value - lastHeard.value > LOST_AFTER_MS ? "lost" : "live";
});

/** When the last message came, by the server's clock. */
export const heardAt = signal<number | null>(null);

export function heard(serverNow?: number): void {
  if (serverNow !== undefined) offsetMs.value = serverNow - Date.now();
  lastHeard.value = performance.now();
  heardAt.value = Date.now() + offsetMs.peek();
}

/** Forget the last message: a tab that comes back from the background starts afresh. */
export function listenAfresh(): void {
  lastHeard.value = performance.now();
}

export function startClock(): void {
  const move = (): void => {
    now.value = Date.now() + offsetMs.peek();
    beat.value = performance.now();
  };
  move();
  setInterval(move, 1000);
}
