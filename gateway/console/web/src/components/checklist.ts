import type { Checklist, ChecklistItem, Ticket } from "../api/types";

export interface Items { name: string; items: (ChecklistItem & { kind: string })[]; answers: Record<string, unknown> }

/** The ticket's checklist with what has been answered so far, or null. */
export function checklistOf(ticket: Ticket): Items | null {
  const { checklist } = ticket;
  if (checklist === null) return null;
  if (typeof checklist === "string") return { name: checklist, items: [], answers: {} };
  return { name: checklist.id, items: checklist.items.map((item) => ({ ...item, kind: item.kind ?? "text" })), answers: answersOf(checklist) };
}

function answersOf(checklist: Checklist): Record<string, unknown> {
  const own = Object.fromEntries(checklist.items.filter((item) => item.answer !== undefined && item.answer !== null).map((item) => [item.id, item.answer]));
  return { ...own, ...checklist.answers };
}

export const isAnswered = (answer: unknown): boolean => answer !== undefined && answer !== null && answer !== "";
