import type { ComponentChildren } from "preact";
import type { Team, Ticket } from "../api/types";
import { toLocalInput } from "../format";
import { t, textOf, word } from "../i18n/language";
import { now } from "../live/link";
import { openTickets } from "../live/store";
import { session } from "../session";
import { ChecklistFields } from "./ChecklistFields";
import type { Field } from "./eventFields";
import { Measurements } from "./Measurements";
import { ticketName } from "./ticketName";

const HOUR_MS = 3_600_000;

function Labelled({ field, children }: { field: Field; children: ComponentChildren }) {
  return (
    <label class="field">
      <span>{word("arg", field.name)}{"optional" in field && field.optional && <span class="muted"> ({t().arg_optional})</span>}</span>
      {children}
    </label>
  );
}

function PersonField({ field, ticket, teams }: { field: Field; ticket: Ticket; teams: readonly Team[] }) {
  const required = !("optional" in field && field.optional);
  const own = teams.filter((team) => ticket.team === null || team.id === ticket.team);
  const members = own.flatMap((team) => team.members ?? []);
  const me = session.value?.user ?? "";
  if (members.length === 0) return <input name={field.name} required={required} defaultValue={required ? me : ""} spellcheck={false} />;
  const chosen = members.some((member) => member.id === me) ? me : "";
  return (
    <select name={field.name} required={required}>
      <option value="">{required ? t().choose : t().nobody}</option>
      {members.map((member) => <option key={member.id} value={member.id} selected={member.id === chosen}>{member.name}</option>)}
    </select>
  );
}

/** One field of an event's form. Names of fields are the names of the event's arguments. */
export function FieldOf({ field, ticket, teams, zone }: { field: Field; ticket: Ticket; teams: readonly Team[]; zone: string }) {
  const required = !("optional" in field && field.optional);
  switch (field.type) {
    case "text":
      return <Labelled field={field}><input name={field.name} required={required} /></Labelled>;
    case "code":
      return <Labelled field={field}><input name={field.name} required={required} autocapitalize="off" autocomplete="off" spellcheck={false} /></Labelled>;
    case "long":
      return <Labelled field={field}><textarea name={field.name} required={required} rows={3} /></Labelled>;
    case "time":
      return (
        <Labelled field={field}>
          <input type="datetime-local" name={field.name} required={required} defaultValue={required ? toLocalInput(now.peek() + 24 * HOUR_MS, zone) : ""} />
        </Labelled>
      );
    case "choice":
      return (
        <Labelled field={field}>
          <select name={field.name} required={required}>
            <option value="">{required ? t().choose : t().none}</option>
            {field.choices.map((choice) => <option key={choice} value={choice}>{word(field.prefix, choice)}</option>)}
          </select>
        </Labelled>
      );
    case "team":
      return (
        <Labelled field={field}>
          {teams.length === 0 ? <input name={field.name} required /> : (
            <select name={field.name} required>
              <option value="">{t().choose}</option>
              {teams.map((team) => <option key={team.id} value={team.id} selected={team.id === (ticket.team ?? (teams.length === 1 ? teams[0]!.id : ""))}>{textOf(team.name).text || team.id}</option>)}
            </select>
          )}
        </Labelled>
      );
    case "person":
      return <Labelled field={field}><PersonField field={field} ticket={ticket} teams={teams} /></Labelled>;
    case "ticket":
      return (
        <Labelled field={field}>
          <select name={field.name} required>
            <option value="">{t().choose}</option>
            {[...openTickets.value.values()].filter((other) => other.site === ticket.site && other.id !== ticket.id)
              .map((other) => <option key={other.id} value={other.id}>{`${ticketName(other)} ${textOf(other.title).text}`}</option>)}
          </select>
        </Labelled>
      );
    case "file":
      return <Labelled field={field}><input type="file" name={field.name} required /></Labelled>;
    case "safety":
      return (
        <fieldset class="field checks">
          <label class="check"><input type="checkbox" name="isolated" /> {t().arg_isolated}</label>
          <label class="check"><input type="checkbox" name="gas_quiet" /> {t().arg_gas_quiet}</label>
        </fieldset>
      );
    case "checklist":
      return <ChecklistFields ticket={ticket} />;
    case "measurements":
      return <Measurements />;
  }
}
