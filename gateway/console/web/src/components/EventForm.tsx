import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Problem } from "../api/http";
import { actKey, post, Problem as ProblemError } from "../api/http";
import type { Team, Ticket } from "../api/types";
import { t, word } from "../i18n/language";
import { takeTicket } from "../live/store";
import { Act } from "./Act";
import { checklistOf } from "./checklist";
import { argumentsOf } from "./eventArguments";
import { evidenceOf } from "./evidenceFile";
import { EVENT_FIELDS, IRREVERSIBLE, LEAST_ROLE } from "./eventFields";
import { FieldOf } from "./Fields";
import { ticketName } from "./ticketName";
import { Refusal } from "./Refusal";
import { say } from "./Toast";

/** The form of one event. The desk decides; its refusal is shown here, in place, and gets the focus. */
export function EventForm({ ticket, event, teams, zone, onDone, onChoose, onClose }: {
  ticket: Ticket; event: string; teams: readonly Team[]; zone: string;
  onDone: (ticket: Ticket) => void; onChoose: (event: string) => void; onClose: () => void;
}) {
  const busy = useSignal(false);
  const problem = useSignal<Problem | null>(null);
  // One key for one filled-in form: pressing twice, or again after a cut link, cannot double it.
  const key = useRef(actKey());
  const form = useRef<HTMLFormElement>(null);
  const fields = EVENT_FIELDS[event] ?? [];
  useEffect(() => {
    form.current?.querySelector<HTMLElement>("input, select, textarea, button[type=submit]")?.focus();
  }, []);

  const submit = async (pressed: SubmitEvent): Promise<void> => {
    pressed.preventDefault();
    busy.value = true;
    problem.value = null;
    const filled = new FormData(pressed.currentTarget as HTMLFormElement);
    const given = argumentsOf(fields, filled, zone, checklistOf(ticket)?.items ?? []);
    try {
      const file = filled.get("file");
      if (file instanceof File) Object.assign(given, await evidenceOf(file, ticket.evidence.map((one) => one.name)));
      const after = await post<Ticket>(`/tickets/${encodeURIComponent(ticket.id)}/events`, { event, key: key.current, ...given });
      takeTicket(after);
      say(t().done_event(word("event", event)));
      onDone(after);
    } catch (error) {
      if (!(error instanceof ProblemError)) throw error;
      problem.value = error;
      if (error.status !== 0) key.current = actKey();
    } finally {
      busy.value = false;
    }
  };

  return (
    <form class="form event-form" ref={form} onSubmit={(pressed) => void submit(pressed)} aria-label={word("event", event)}>
      <h3>{word("event", event)}</h3>
      {IRREVERSIBLE.has(event) && <p class="form-warning">{word("confirm", event)} <b>{ticketName(ticket)}</b></p>}
      {fields.map((field) => <FieldOf key={field.name} field={field} ticket={ticket} teams={teams} zone={zone} />)}
      {problem.value && <Refusal problem={problem.value} event={event} onChoose={onChoose} />}
      <div class="form-buttons">
        <button type="button" class="button" onClick={onClose}>{t().close}</button>
        <Act role={LEAST_ROLE} type="submit" kind="primary" busy={busy.value}>{fields.length === 0 ? word("event", event) : t().send}</Act>
      </div>
    </form>
  );
}
