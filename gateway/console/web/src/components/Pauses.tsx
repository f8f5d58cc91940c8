import { useSignal } from "@preact/signals";
import { post, Problem, remove } from "../api/http";
import { useResource } from "../api/resource";
import type { Page, Pause } from "../api/types";
import { t, word } from "../i18n/language";
import { now } from "../live/link";
import { Act } from "./Act";
import { Moment, momentText, spanText } from "./Age";
import { Dialog } from "./Dialog";
import { Icon } from "./Icon";
import { Panel } from "./Panel";
import { problemText } from "./States";
import { say } from "./Toast";

const MINUTE_MS = 60_000;
const CHOICES_MIN = [30, 60, 120, 240, 480];
const pathOf = (site: string): string => `/sites/${encodeURIComponent(site)}/pauses`;

const covered = ({ match }: Pause): string => Object.values(match).join(" · ") || t().pause_whole_site;

/** Planned quiet begun on the spot: it has an end and a reason, and says beforehand what it means. */
function PauseDialog({ site, device, devices, zone, onClose }: { site: string; device: string | null; devices: readonly string[]; zone: string; onClose: () => void }) {
  const minutes = useSignal(60);
  const busy = useSignal(false);
  const until = now.value + minutes.value * MINUTE_MS;
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const what = String(form.get("what") ?? "");
    busy.value = true;
    try {
      await post(pathOf(site), { why: "maintenance", match: what === "" ? {} : { device: what }, until: Math.round(until), reason: String(form.get("reason") ?? "").trim() });
      say(t().pause_begun(momentText(until, zone)));
      onClose();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      say(problemText(error));
    }
    busy.value = false;
  };
  return (
    <Dialog title={t().pause_begin} onClose={onClose}>
      <form class="form" onSubmit={(event) => void submit(event)}>
        <p>{t().pause_lead} <b>{momentText(until, zone)}</b></p>
        <label class="field"><span>{t().pause_what}</span>
          <select name="what" autofocus>
            <option value="">{t().pause_whole_site}</option>
            {devices.map((name) => <option key={name} value={name} selected={name === device}>{name}</option>)}
          </select>
        </label>
        <label class="field"><span>{t().shelve_for}</span>
          <select value={minutes.value} onChange={(event) => { minutes.value = Number(event.currentTarget.value); }}>
            {CHOICES_MIN.map((choice) => <option key={choice} value={choice}>{spanText(choice * MINUTE_MS)}</option>)}
          </select>
        </label>
        <label class="field"><span>{t().shelve_reason}</span>
          <input name="reason" required maxLength={500} aria-describedby="pause-hint" />
          <small id="pause-hint" class="muted">{t().shelve_reason_hint}</small>
        </label>
        <div class="form-buttons">
          <button type="button" class="button" onClick={onClose}>{t().cancel}</button>
          <Act role="inspector" type="submit" kind="primary" busy={busy.value}>{t().pause_begin}</Act>
        </div>
      </form>
    </Dialog>
  );
}

/** What is under maintenance or out of service here, and the way to begin and end it. */
export function Pauses({ site, device = null, devices, zone }: { site: string; device?: string | null; devices: readonly string[]; zone: string }) {
  const asked = useResource<Page<Pause>>(pathOf(site), 30_000);
  const open = useSignal(false);
  const shown = (asked.data.value?.items ?? []).filter((pause) => device === null || pause.match.device === undefined || pause.match.device === device);
  const end = async (pause: Pause): Promise<void> => {
    try {
      await remove(`${pathOf(site)}/${encodeURIComponent(pause.id)}`);
      say(t().pause_ended);
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      say(problemText(error));
    }
    asked.refresh();
  };
  return (
    <Panel title={t().pauses} flush aside={<Act role="inspector" onClick={() => { open.value = true; }}>{t().pause_begin}</Act>}>
      {shown.length === 0 ? <p class="panel-note muted">{t().none}</p> : (
        <div class="line-rows">
          {shown.map((pause) => (
            <div key={pause.id} class="line-row">
              <Icon name="pause" size={22} />
              <span class="line-row-main">
                <span class="line-row-title">{covered(pause)} · {pause.reason}</span>
                <span class="line-row-sub">
                  <b>{word("why", pause.why)}</b>
                  <span>{pause.until === null ? t().pause_no_end : <><Moment ts={pause.from} zone={zone} /> – <Moment ts={pause.until} zone={zone} /></>}</span>
                  <span>{pause.by ?? t().pause_planned}</span>
                </span>
              </span>
              {pause.by !== null && <span class="line-row-side"><Act role={pause.why === "maintenance" ? "inspector" : "admin"} onClick={() => void end(pause)}>{t().pause_end}</Act></span>}
            </div>
          ))}
        </div>
      )}
      {open.value && <PauseDialog site={site} device={device} devices={devices} zone={zone} onClose={() => { open.value = false; asked.refresh(); }} />}
    </Panel>
  );
}
