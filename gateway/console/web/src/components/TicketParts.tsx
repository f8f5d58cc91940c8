import type { Team, Ticket, TicketEvent } from "../api/types";
import { formatNumber, THIN } from "../format";
import { locale, t, textOf, word } from "../i18n/language";
import { Moment, momentText } from "./Age";
import { checklistOf, isAnswered } from "./checklist";
import { clockWords } from "./Clock";
import { Icon } from "./Icon";
import { valueText } from "./Reading";
import { Empty } from "./States";
import { Words } from "./Words";

export function Clocks({ ticket, zone }: { ticket: Ticket; zone: string }) {
  const clocks = Object.entries(ticket.clocks).filter(([, clock]) => clock.due !== null || clock.state === "paused");
  if (clocks.length === 0) return <p class="muted">{t().clock_none}</p>;
  return (
    <dl class="clocks">
      {clocks.map(([name, clock]) => {
        const { text, late } = clockWords(clock);
        return (
          <div key={name} class={`clock-row clock-${clock.state}`}>
            <dt>{word("clock", name)}</dt>
            <dd><b class={late ? "clock-late" : ""}>{text}</b>{clock.due !== null && <span class="muted"> <Moment ts={clock.due} zone={zone} /></span>}</dd>
          </div>
        );
      })}
    </dl>
  );
}

export function ChecklistView({ ticket }: { ticket: Ticket }) {
  const list = checklistOf(ticket);
  if (list === null) return <p class="muted">{t().checklist_none}</p>;
  if (list.items.length === 0) return <p>{list.name}</p>;
  return (
    <ul class="checklist">
      {list.items.map((item) => {
        const answer = list.answers[item.id];
        const done = isAnswered(answer);
        return (
          <li key={item.id} class={done ? "checklist-done" : ""}>
            <span class="checklist-tick" aria-hidden="true">{done && <Icon name="check" size={16} />}</span>
            <span><Words of={item.text} />{item.mandatory && !done && <span class="muted"> ({t().mandatory})</span>}</span>
            <span class="checklist-answer">{done ? `${valueText(answer as string, "")}${item.unit ? `${THIN}${item.unit}` : ""}` : "–"}</span>
          </li>
        );
      })}
    </ul>
  );
}

export function checklistTitle(ticket: Ticket): string {
  const list = checklistOf(ticket);
  if (list === null || list.items.length === 0) return t().checklist;
  return t().checklist_of(`${t().checklist} ${list.name}`, list.items.filter((item) => isAnswered(list.answers[item.id])).length, list.items.length);
}

export function Evidence({ ticket }: { ticket: Ticket }) {
  if (ticket.evidence.length === 0) return <p class="muted">{t().evidence_none}</p>;
  return (
    <ul class="evidence">
      {ticket.evidence.map((file) => (
        <li key={file.name}>
          <a href={`/api/v1/tickets/${encodeURIComponent(ticket.id)}/evidence/${file.name.split("/").map(encodeURIComponent).join("/")}`} target="_blank" rel="noopener">
            <Icon name="file" size={18} /> <span>{file.name}</span>
          </a>
          {typeof file.size === "number" && <span class="muted tabular">{formatNumber(file.size / 1000, "", locale())}{THIN}{t().kilobytes}</span>}
        </li>
      ))}
    </ul>
  );
}

const SAID = ["reason", "note", "text", "cause", "action"] as const;

function eventWords(event: TicketEvent, teams: readonly Team[], zone: string): string {
  const said = SAID.map((name) => event[name]).filter((value): value is string => typeof value === "string" && value !== "")
    .map((value) => word("reason", value));
  const members = teams.flatMap((one) => one.members ?? []);
  const asked = event["person"];
  const person = typeof asked === "string" ? [members.find((one) => one.id === asked)?.name ?? asked] : [];
  const team = teams.filter((one) => one.id === event["team"]).map((one) => textOf(one.name).text || one.id);
  const files = Array.isArray(event["files"]) ? (event["files"] as { name: string }[]).map((file) => file.name) : [];
  const until = typeof event["resume_by"] === "number" ? [`${t().arg_resume_by} ${momentText(event["resume_by"], zone)}`] : [];
  return [...team, ...person, ...said, ...until, ...(files.length > 0 ? [files.join(", ")] : [])].join(" · ");
}

export function Log({ ticket, teams, zone }: { ticket: Ticket; teams: readonly Team[]; zone: string }) {
  if (ticket.events.length === 0) return <Empty title={t().log_none} />;
  return (
    <ol class="timeline">
      {[...ticket.events].reverse().map((event, index) => {
        const said = eventWords(event, teams, zone);
        return <li key={ticket.events.length - index}>
          <Moment ts={event.at} zone={zone} />
          <span>
            <b>{word("event", event.event)}</b>
            <span class="muted"> · {event.by === null || event.by === "system" || event.by === "desk" ? t().system : event.by}</span>
            {said !== "" && <span class="timeline-words">{said}</span>}
          </span>
        </li>;
      })}
    </ol>
  );
}
