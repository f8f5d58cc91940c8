import type { Clock, Ticket } from "../api/types";
import { t, word } from "../i18n/language";
import { now } from "../live/link";
import { spanText } from "./Age";

export interface NamedClock { name: string; clock: Clock }

/** The clock that ends first among those that still count. */
export function nearestClock(ticket: Ticket): NamedClock | null {
  const running = Object.entries(ticket.clocks)
    .filter(([, clock]) => clock.due !== null && (clock.state === "running" || clock.state === "paused" || (clock.state === "late" && clock.at === null)))
    .map(([name, clock]) => ({ name, clock }))
    .sort((a, b) => a.clock.due! - b.clock.due!);
  return running[0] ?? null;
}

export function clockWords({ due, state, at }: Clock): { text: string; late: boolean } {
  const words = t();
  if (state === "met") return { text: words.clock_met, late: false };
  if (state === "waiting" || due === null) return { text: "–", late: false };
  if (state === "late" && at !== null) return { text: words.clock_missed(spanText(at - due)), late: true };
  if (state === "paused") return { text: words.clock_paused, late: false };
  const leftMs = due - now.value;
  return leftMs < 0 ? { text: words.clock_late(spanText(-leftMs)), late: true } : { text: words.clock_left(spanText(leftMs)), late: false };
}

/** What is due next: never colour alone, always the word. */
export function ClockText({ ticket }: { ticket: Ticket }) {
  const nearest = nearestClock(ticket);
  if (nearest === null) return null;
  const { text, late } = clockWords(nearest.clock);
  return <span class={`clock${late ? " clock-late" : ""}`}><span class="clock-name">{word("clock", nearest.name)}</span> {text}</span>;
}
