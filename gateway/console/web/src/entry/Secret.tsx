import { useRef } from "preact/hooks";
import { say } from "../components/Toast";
import { Dialog } from "../components/Dialog";
import { e } from "../i18n/entry";

/** Copy where the browser lets us (TLS or this machine); else mark the text, so that a key does it. */
export async function copyText(from: HTMLElement): Promise<void> {
  if (navigator.clipboard !== undefined) {
    try {
      await navigator.clipboard.writeText(from.textContent ?? "");
      say(e().copied);
      return;
    } catch (refusal) {
      if (!(refusal instanceof DOMException)) throw refusal;
    }
  }
  getSelection()?.selectAllChildren(from);
  say(e().copy_by_hand);
}

/** A password or a token that was made just now; it is gone with the dialog. */
export function Secret({ title, text, hint, onClose }: { title: string; text: string; hint?: string; onClose: () => void }) {
  const ref = useRef<HTMLElement>(null);
  return (
    <Dialog title={title} onClose={onClose}>
      <div class="form">
        <p class="form-warning">{e().shown_once}</p>
        <code class="secret" ref={ref}>{text}</code>
        {hint !== undefined && <p class="muted">{hint}</p>}
        <div class="form-buttons">
          <button type="button" class="button" onClick={() => ref.current && void copyText(ref.current)}>{e().copy}</button>
          <button type="button" class="button button-primary" onClick={onClose}>{e().keep_done}</button>
        </div>
      </div>
    </Dialog>
  );
}
