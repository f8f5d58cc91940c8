import { useSignal } from "@preact/signals";
import type { Alert } from "../api/types";
import { t } from "../i18n/language";
import { now } from "../live/link";
import { Act } from "./Act";
import { shelve } from "./acts";
import { momentText, spanText } from "./Age";
import { Dialog } from "./Dialog";
import { Mark } from "./Mark";
import { Words } from "./Words";

const MINUTE_MS = 60_000;
const CHOICES_MIN = [30, 60, 120, 240, 480, 720, 1440];

/** Silence has an end and a reason, and says beforehand what it hits. */
export function ShelveDialog({ alert, zone, onClose }: { alert: Alert; zone: string; onClose: () => void }) {
  const minutes = useSignal(60);
  const busy = useSignal(false);
  const until = now.value + minutes.value * MINUTE_MS;
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const reason = String(new FormData(event.currentTarget as HTMLFormElement).get("reason") ?? "").trim();
    busy.value = true;
    // A day at most: the slack keeps "24 h" inside it whatever the way takes.
    const end = Math.round(Math.min(until, now.peek() + 1440 * MINUTE_MS - 30_000));
    const done = await shelve(alert.id, end, reason, zone);
    busy.value = false;
    if (done) onClose();
  };
  return (
    <Dialog title={t().shelve_title} onClose={onClose}>
      <form class="form" onSubmit={(event) => void submit(event)}>
        <p class="form-subject"><Mark kind={alert.severity} /> <span><b><Words of={alert.title} /></b><br />{alert.device}</span></p>
        <p>{t().shelve_hits} <b>{momentText(until, zone)}</b></p>
        <label class="field">
          <span>{t().shelve_for}</span>
          <select autofocus value={minutes.value} onChange={(event) => { minutes.value = Number(event.currentTarget.value); }}>
            {CHOICES_MIN.map((choice) => <option key={choice} value={choice}>{choice === 1440 ? t().age_h("24") : spanText(choice * MINUTE_MS)}</option>)}
          </select>
        </label>
        <label class="field">
          <span>{t().shelve_reason}</span>
          <input name="reason" required maxLength={500} aria-describedby="shelve-hint" />
          <small id="shelve-hint" class="muted">{t().shelve_reason_hint}</small>
        </label>
        <div class="form-buttons">
          <button type="button" class="button" onClick={onClose}>{t().cancel}</button>
          <Act role="operator" type="submit" kind="primary" busy={busy.value}>{t().shelve}</Act>
        </div>
      </form>
    </Dialog>
  );
}
