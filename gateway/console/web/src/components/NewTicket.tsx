import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { actKey, get, post, Problem } from "../api/http";
import type { Device, Page, Site, Ticket } from "../api/types";
import { language, t, textOf, word } from "../i18n/language";
import { siteIds, takeTicket } from "../live/store";
import { go, ticketUrl } from "../route";
import { Act } from "./Act";
import { Dialog } from "./Dialog";
import { Refusal } from "./Refusal";

const KINDS = [
  "emergency", "defect", "inspection", "special_inspection", "preventive", "power_quality", "outage", "communication", "metering",
  "mediation", "behind_meter", "config",
];
const PRIORITIES = ["P1", "P2", "P3", "P4"];

/** A ticket that a person opens; what rules notice opens its own. */
export function NewTicket({ site: first, onClose }: { site: string | null; onClose: () => void }) {
  const sites = siteIds.value ?? [];
  const chosen = useSignal(first);
  const site = chosen.value ?? sites[0] ?? "";
  const known = useSignal<{ site: Site; devices: Device[] } | null>(null);
  const busy = useSignal(false);
  const problem = useSignal<Problem | null>(null);
  const key = useRef(actKey());
  useEffect(() => {
    known.value = null;
    if (site === "") return;
    const path = `/sites/${encodeURIComponent(site)}`;
    Promise.all([get<Site>(path), get<Page<Device>>(`${path}/devices`)]).then(
      ([here, devices]) => { known.value = { site: here, devices: devices.items }; },
      (error: unknown) => {
        if (!(error instanceof Problem)) throw error;
        problem.value = error;
      },
    );
  }, [site]);

  const submit = async (pressed: SubmitEvent): Promise<void> => {
    pressed.preventDefault();
    const form = new FormData(pressed.currentTarget as HTMLFormElement);
    const said = (name: string): string => String(form.get(name) ?? "").trim();
    busy.value = true;
    problem.value = null;
    try {
      const made = await post<Ticket>("/tickets", {
        key: key.current, site, kind: said("kind"), priority: said("priority"), text: said("text"),
        title: { [language.value]: said("title") },
        devices: said("device") === "" ? [] : [said("device")], ...(said("team") === "" ? {} : { team: said("team") }),
      });
      takeTicket(made);
      onClose();
      go(ticketUrl(made.id));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      problem.value = error;
      if (error.status !== 0) key.current = actKey();
    } finally {
      busy.value = false;
    }
  };
  const words = t();
  return (
    <Dialog title={words.ticket_open} onClose={onClose}>
      <form class="form" onSubmit={(pressed) => void submit(pressed)}>
        {sites.length > 1 && (
          <label class="field">
            <span>{words.nav_site}</span>
            <select value={site} onChange={(event) => { chosen.value = event.currentTarget.value; }}>{sites.map((id) => <option key={id}>{id}</option>)}</select>
          </label>
        )}
        <label class="field"><span>{words.arg_title}</span><input name="title" required maxLength={200} autofocus /></label>
        <div class="field-pair">
          <label class="field">
            <span>{words.kind}</span>
            <select name="kind" required>
              <option value="">{words.choose}</option>
              {KINDS.map((kind) => <option key={kind} value={kind}>{word("kind", kind)}</option>)}
            </select>
          </label>
          <label class="field">
            <span>{words.priority}</span>
            <select name="priority">{PRIORITIES.map((one) => <option key={one} selected={one === "P3"}>{one}</option>)}</select>
          </label>
        </div>
        <div class="field-pair">
          <label class="field">
            <span>{words.device} <span class="muted">({words.arg_optional})</span></span>
            <select name="device"><option value="">{words.none}</option>{known.value?.devices.map((device) => <option key={device.id}>{device.id}</option>)}</select>
          </label>
          <label class="field">
            <span>{words.team} <span class="muted">({words.arg_optional})</span></span>
            <select name="team">
              <option value="">{words.none}</option>
              {known.value?.site.teams.map((team) => <option key={team.id} value={team.id}>{textOf(team.name).text || team.id}</option>)}
            </select>
          </label>
        </div>
        <label class="field"><span>{words.arg_text} <span class="muted">({words.arg_optional})</span></span><textarea name="text" rows={3} maxLength={5000} /></label>
        {problem.value && <Refusal problem={problem.value} event="open" onChoose={() => undefined} />}
        <div class="form-buttons">
          <button type="button" class="button" onClick={onClose}>{words.cancel}</button>
          <Act role="operator" type="submit" kind="primary" busy={busy.value}>{words.ticket_open}</Act>
        </div>
      </form>
    </Dialog>
  );
}
