import { useSignal } from "@preact/signals";
import { actKey, post, Problem } from "../api/http";
import type { Alert } from "../api/types";
import { t } from "../i18n/language";
import { Act } from "./Act";
import { Dialog } from "./Dialog";
import { problemText } from "./States";
import { say } from "./Toast";

/** A latched alert that no ticket has is reset by somebody who is there: the site's code is the proof. */
export function ResetDialog({ id, onClose }: { id: string; onClose: () => void }) {
  const busy = useSignal(false);
  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    const code = String(new FormData(event.currentTarget as HTMLFormElement).get("code") ?? "").trim();
    busy.value = true;
    try {
      await post<Alert>(`/alerts/${encodeURIComponent(id)}/reset`, { key: actKey(), code });
      say(t().reset_done);
      onClose();
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      say(problemText(error));
    }
    busy.value = false;
  };
  return (
    <Dialog title={t().reset_latch} onClose={onClose}>
      <form class="form" onSubmit={(event) => void submit(event)}>
        <label class="field"><span>{t().arg_code}</span>
          <input name="code" required autofocus autocapitalize="off" autocomplete="off" spellcheck={false} aria-describedby="reset-hint" />
          <small id="reset-hint" class="muted">{t().reset_hint}</small>
        </label>
        <div class="form-buttons">
          <button type="button" class="button" onClick={onClose}>{t().cancel}</button>
          <Act role="inspector" type="submit" kind="primary" busy={busy.value}>{t().reset_latch}</Act>
        </div>
      </form>
    </Dialog>
  );
}
